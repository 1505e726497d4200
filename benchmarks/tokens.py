"""What a token costs: our prior's bits per sign plane, the use of the codebook, and what zlib, zstd and xz would take.

The figures are those of real files, decoded by the real decoder, to whose bits a port listens. Of the codec reading
(levels instead of tokens) the same is told plane by plane.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from nvcodec.benchmarks.packers import Packed, best_packed, level_arrangements, sign_arrangements
from nvcodec.bitstream import ContainerReader, GopChunk
from nvcodec.bitstream.container import SIGNATURE
from torch import Tensor

from nvcodec.codec import EncodeOptions, encode
from nvcodec.codec.decode import levels_of
from nvcodec.codec.gop import GopQuality, PlaneReader
from nvcodec.codec.gop_size import grid_size
from nvcodec.codec.headers import model_of
from nvcodec.errors import UnsupportedInput
from nvcodec.prior import dimension_groups
from nvcodec.tokenizer.motion import MOTION_DIMS

ONE = 1 << 16  # a probability of 1
MOTION = "motion"  # all planes of it together
SIGN = "sign"


@dataclass(frozen=True)
class Spent:
    """So many symbols of one bit were coded, at −log₂ of their probabilities summed."""

    symbols: int = 0
    bits: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.symbols + other.symbols, self.bits + other.bits)

    @property
    def each(self) -> float | None:
        """Bits a symbol; None without symbols."""
        return self.bits / self.symbols if self.symbols else None


@dataclass(frozen=True)
class PlaneCost:
    """A plane in the first latent frames of all GOPs, which lean on nothing, and in the later ones."""

    name: str
    first: Spent
    later: Spent


@dataclass(frozen=True)
class CodebookUse:
    """How the 2^18 tokens are used. `entropy`: of their frequencies, in bits; `perplexity` is 2 to that.

    Of n tokens an entropy above log₂ n can't be seen, however they are distributed.
    """

    tokens: int
    distinct: int
    entropy: float
    perplexity: float


@dataclass(frozen=True)
class FileReport:
    """A file. `payload_bytes`: its planes as they lie in it, entropy-coded, without container.

    `tokens` counts positions of all latent frames, of which there are `first` and `later` ones. In the codec reading
    a position holds levels, not a token: `raw_bits_per_token` and `codebook` are None.
    """

    source: str
    reading: str  # "tokens" or "levels"
    width: int
    height: int
    frames: int
    first: int
    later: int
    tokens: int
    payload_bytes: int
    raw_bits_per_token: int | None
    planes: tuple[PlaneCost, ...]
    codebook: CodebookUse | None
    packed: tuple[Packed, ...]

    @property
    def bits_per_token(self) -> float:
        """Of the payload."""
        return 8 * self.payload_bytes / self.tokens

    def bits_per_token_in(self, *, first: bool) -> float | None:
        """In the first latent frames, or in the later ones; None where there are none."""
        frames = self.first if first else self.later
        spent = sum(((plane.first if first else plane.later).bits for plane in self.planes), 0.0)
        return spent * (self.first + self.later) / (self.tokens * frames) if frames else None


@dataclass(frozen=True)
class TokenReport:
    """The report on all files."""

    files: tuple[FileReport, ...]

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self), indent=1) + "\n"


def token_report(paths: Sequence[Path], options: EncodeOptions = EncodeOptions()) -> TokenReport:
    """The report on `.mgv` files as they are and on clips in both readings, coded as `options` say.

    The errors are those of `encode` and `decode`.
    """
    files: list[FileReport] = []
    for path in paths:
        with open(path, "rb") as file:
            coded = file.read(len(SIGNATURE)) == SIGNATURE
            file.seek(0)
            if coded:
                files.append(file_report(file, path.name))
                continue
        for tokens in (True, False):
            made = io.BytesIO()
            encode(path, made, replace(options, tokens=tokens, audio=False))
            made.seek(0)
            name = path.name if tokens else f"{path.name}, quality {options.quality}"
            files.append(file_report(made, name))
    return TokenReport(tuple(files))


def file_report(file: BinaryIO, name: str) -> FileReport:
    """The report on one `.mgv` file, read front to back."""
    reader = ContainerReader(file)
    header = reader.header
    model = model_of(header, "cpu")
    h, w = grid_size(header.width, header.height)
    ledger = Ledger()
    levels: list[np.ndarray] = []
    frames = payload = 0
    for chunk in reader.chunks():
        if isinstance(chunk, GopChunk):
            rows, columns = GopQuality.of(chunk).grid((h, w))
            listener = _Listener(chunk.payload, ledger, rows * columns, tokens=header.tokens)
            levels.append(levels_of(model, header, len(levels), chunk, listener).numpy())
            frames, payload = frames + len(chunk.pts), payload + len(chunk.payload)
    if not levels:
        raise UnsupportedInput(f"{name} holds no picture")
    latents = sum(map(len, levels))
    if len({part.shape[1] for part in levels}) > 1:  # GOPs coded at several sizes: one row after the other
        table = np.concatenate([part.reshape(1, -1, part.shape[2]) for part in levels], axis=1)
    else:
        table = np.concatenate(levels)
    signs = table[:, :, dimension_groups(model.prior.config.latent_dims, model.token_dims)[1]] > 0
    arrangements = sign_arrangements(signs) if header.tokens else level_arrangements(table)
    return FileReport(
        source=name,
        reading="tokens" if header.tokens else "levels",
        width=header.width,
        height=header.height,
        frames=frames,
        first=len(levels),
        later=latents - len(levels),
        tokens=table.shape[0] * table.shape[1],
        payload_bytes=payload,
        raw_bits_per_token=model.token_dims if header.tokens else None,
        planes=ledger.planes(),
        codebook=codebook_use(signs) if header.tokens else None,
        packed=best_packed(arrangements),
    )


def codebook_use(signs: np.ndarray) -> CodebookUse:
    """Of tokens given as sign planes `[…, 18]` bool."""
    planes = signs.shape[-1]
    numbers = signs.reshape(-1, planes) @ (1 << np.arange(planes))
    _, counts = np.unique(numbers, return_counts=True)
    shares = counts / max(1, len(numbers))
    entropy = float(-(shares * np.log2(shares)).sum()) + 0.0  # no −0
    return CodebookUse(len(numbers), len(counts), entropy, 2**entropy)


class Ledger:
    """What was spent on every plane."""

    def __init__(self) -> None:
        self._spent: dict[tuple[str, bool], Spent] = {}

    def note(self, plane: str, first: bool, spent: Spent) -> None:
        """Add to a plane's account."""
        self._spent[plane, first] = self._spent.get((plane, first), Spent()) + spent

    def planes(self) -> tuple[PlaneCost, ...]:
        """All accounts: motion, significance from the most significant plane down, signs, refinement."""
        names = sorted({plane for plane, _ in self._spent}, key=_place)
        return tuple(
            PlaneCost(name, self._spent.get((name, True), Spent()), self._spent.get((name, False), Spent()))
            for name in names
        )


class _Listener(PlaneReader):
    """A reader of one GOP that notes what every bit costs, and whether its latent frame is the first."""

    def __init__(self, payload: bytes, ledger: Ledger, positions: int, *, tokens: bool) -> None:
        super().__init__(payload)
        self._ledger, self._all, self._tokens = ledger, positions, tokens
        self._passed: dict[int, int] = {}  # positions begun, for every group of columns
        self._dims, self._first = slice(0, 1), True

    def begin(self, positions: Tensor, dims: slice) -> None:
        """The next calls are about these positions and columns. Every latent frame passes all positions once."""
        passed = self._passed.get(dims.start, 0)
        self._passed[dims.start] = passed + len(positions)
        self._dims = dims
        self._first = passed < self._all and dims.start >= MOTION_DIMS  # the first latent frame has no motion

    def __call__(self, p: Tensor, bits: Tensor | None, plane: str, where: Tensor) -> Tensor:
        """As the reader's."""
        read = super().__call__(p, bits, plane, where)
        one = p.numpy() / ONE
        cost = -np.log2(np.where(read.numpy(), one, 1 - one))
        if self._tokens:
            width = self._dims.stop - self._dims.start
            column = where.numpy() % width
            symbols, spent = np.bincount(column, minlength=width), np.bincount(column, cost, width)
            for number in range(width):
                self._ledger.note(f"{SIGN} {number}", self._first, Spent(int(symbols[number]), float(spent[number])))
        else:
            name = MOTION if self._dims.start < MOTION_DIMS else plane
            self._ledger.note(name, self._first, Spent(len(cost), float(cost.sum())))
        return read


def _place(plane: str) -> tuple[int, int]:
    kind, _, number = plane.partition(" ")
    kinds = (MOTION, "significance", SIGN, "refinement")
    return kinds.index(kind), int(number or 0) * (1 if kind == SIGN else -1)
