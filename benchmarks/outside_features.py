"""What networks from elsewhere make of clips: Inception of their frames, for FID, and I3D of the whole, for FVD.

FID is the Fréchet distance in Inception's 2,048 features (Heusel et al. 2017), FVD that in I3D's 400 (Unterthiner et
al. 2018). The weights of neither come with nvcodec, and nothing here fetches them: whoever has the files names them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from nvcodec.benchmarks.psnr import to_rgb
from torch import Tensor

from nvcodec.errors import NvcodecError
from nvcodec.generate.pictures import film_of
from nvcodec.understand.frechet import Gaussian, frechet_distance

# The release that torch-fidelity names: TensorFlow's weights of 2015, which FID has been measured with ever since.
INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
)
# The file that papers on video generation share; Skorokhodov et al. 2022 made it of TensorFlow's network.
I3D_URL = "https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt"
INCEPTION_FEATURES = "2048"  # as torch-fidelity calls the layer that FID is defined by
# FID is of frames 0, 4, 8, …: those between are nearly the same pictures, which would cost four times as much and make
# a set look larger than it is. A latent frame of the tokenizer stands for four as well, so that no model gains by it.
INCEPTION_STEP = 4
INCEPTION_BATCH, I3D_BATCH = 20, 8  # pictures, clips
I3D_FRAMES_LEAST = 10  # it halves them thrice, to 5, 3 and 2, and then takes the mean of two successive ones
TRIAL_SIZE = 32  # pixels a side of the clip that a file is tried on


@dataclass(frozen=True)
class OutsideFeatures:
    """A network that sees something in clips: `of` makes of `[N, 6, T, H/2, W/2]` features `[M, C]`.

    `distance` is what the Fréchet distance in them is called, `unit` what M counts ("frames", "clips"), `sha256` that
    of the weights' file, `least_frames` how long a clip has to be.
    """

    distance: str
    unit: str
    sha256: str
    of: Callable[[Tensor], Tensor]
    least_frames: int = 1

    def check(self, frames: int) -> None:
        """NvcodecError where clips of so many frames are too short."""
        if frames < self.least_frames:
            raise NvcodecError(f"{self.distance} is of clips of {self.least_frames} frames or more, not of {frames}")


@dataclass(frozen=True)
class Measured:
    """How many features a row's distance is of, against how many of the reference's, in whose weights (SHA-256)."""

    distance: str
    unit: str
    sha256: str
    row: int
    reference: int


@dataclass(frozen=True)
class Yardstick:
    """Outside features, and the `count` of them that `clips` reference clips have, as a Gaussian."""

    features: OutsideFeatures
    reference: Gaussian
    clips: int
    count: int

    def distance(self, clips: Tensor) -> float:
        """Of `clips` [N, 6, T, H/2, W/2] from the reference."""
        return frechet_distance(Gaussian.of(self.features.of(clips)), self.reference)

    def measured(self, clips: int) -> Measured:
        """What a distance of so many clips is of."""
        of = self.features
        return Measured(of.distance, of.unit, of.sha256, clips * self.count // self.clips, self.count)


def outside_features(inception: Path | None, i3d: Path | None) -> tuple[OutsideFeatures, ...]:
    """Those of the files given. NvcodecError as the two below raise it."""
    fid = () if inception is None else (inception_features(inception),)
    return fid if i3d is None else (*fid, i3d_features(i3d))


def inception_features(path: Path) -> OutsideFeatures:
    """FID's, by torch-fidelity with the weights in the file `path`.

    NvcodecError without the package, and for a file that is missing or is anything but these weights.
    """
    extractor_class = _torch_fidelity()
    sha256 = _sha256(path, "Inception's weights", INCEPTION_URL)
    wrong = f"{path} does not hold Inception's weights as torch-fidelity takes them; they are at {INCEPTION_URL}"
    state = _state(path, wrong)
    # torch-fidelity would unpickle the user's file, which may run what is in it. It gets one of our own instead.
    with TemporaryDirectory() as folder:
        own = Path(folder) / "inception.pth"
        torch.save(state, own)
        try:
            network = extractor_class("inception", [INCEPTION_FEATURES], feature_extractor_weights_path=str(own))
        except RuntimeError:
            raise NvcodecError(wrong) from None

    @torch.inference_mode()
    def of(clips: Tensor) -> Tensor:
        shown = clips[:, :, ::INCEPTION_STEP]  # [N, 6, ⌈T / 4⌉, H/2, W/2]
        pictures = shown.transpose(1, 2).flatten(0, 1).unsqueeze(2)  # each a clip of one frame
        return torch.cat([network(part[:, :, 0])[0] for part in rgb_clips(pictures, INCEPTION_BATCH)])

    return OutsideFeatures("FID", "frames", sha256, of)


def i3d_features(path: Path) -> OutsideFeatures:
    """FVD's, by the TorchScript module in the file `path`.

    A TorchScript file is a program, and it is run: it must come from where you trust. It is called as the one that is
    shared for FVD wants to be: `module(x, rescale=True, resize=True, return_features=True)` of `x` [B, 3, T, H, W] in
    0…255 gives [B, C]. NvcodecError for a file that is missing or is no such module.
    """
    # No maintained package stands between: those for FVD, such as cd-fvd, fetch the weights by themselves.
    sha256 = _sha256(path, "I3D as TorchScript", I3D_URL)
    wrong = f"{path} is not I3D as TorchScript, as FVD is measured by; it is at {I3D_URL}"
    try:
        module = torch.jit.load(str(path), map_location="cpu").eval()
    except (RuntimeError, ValueError):
        raise NvcodecError(wrong) from None

    @torch.inference_mode()
    def called(x: Tensor) -> Tensor:
        return module(x, rescale=True, resize=True, return_features=True)

    def of(clips: Tensor) -> Tensor:
        return torch.cat([called(part.float()) for part in rgb_clips(clips, I3D_BATCH)])

    try:
        found = called(torch.zeros(2, 3, I3D_FRAMES_LEAST, TRIAL_SIZE, TRIAL_SIZE))
    except (RuntimeError, torch.jit.Error):
        raise NvcodecError(wrong) from None
    if not isinstance(found, Tensor) or found.dim() != 2 or len(found) != 2:
        raise NvcodecError(wrong)
    return OutsideFeatures("FVD", "clips", sha256, of, I3D_FRAMES_LEAST)


def rgb_clips(clips: Tensor, batch: int) -> Iterator[Tensor]:
    """Clips `[N, 6, T, H/2, W/2]` as a player shows them, `batch` at a time: `[B, 3, T, H, W]` uint8."""
    for part in clips.split(batch):
        films = [film_of(clip) for clip in part]
        shown = np.stack([[to_rgb(picture, film.video) for picture in film.pictures] for film in films])
        yield torch.from_numpy(shown).permute(0, 4, 1, 2, 3)  # of [B, T, H, W, 3]


def _torch_fidelity() -> Callable[..., torch.nn.Module]:
    """torch-fidelity's Inception, which maps uint8 `[B, 3, H, W]` to a tuple of features."""
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        missing = (error.name or "torch_fidelity").partition(".")[0]
        raise NvcodecError(f"FID needs the package {missing}, which is not here: pip install 'nvcodec[fid]'") from None
    except RuntimeError as error:  # torchvision, which torch-fidelity loads, was built for another PyTorch
        raise NvcodecError(
            f"torch-fidelity does not load beside PyTorch {torch.__version__} ({str(error).splitlines()[0]}); "
            "take torch and torchvision from the same place"
        ) from None
    return FeatureExtractorInceptionV3


def _state(path: Path, wrong: str) -> dict[str, Tensor]:
    """The tensors of a file that PyTorch has saved, with nothing else unpickled; NvcodecError with the line `wrong`."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # a file of another kind fails in any way
        raise NvcodecError(wrong) from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise NvcodecError(wrong)
    return {str(name): value for name, value in state.items()}


def _sha256(path: Path, what: str, url: str) -> str:
    """Of a file; NvcodecError, which says where `what` is to be had, when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise NvcodecError(f"{path}: {reason}; {what} can be had at {url}, and nvcodec does not fetch it") from None
