"""Sections 7 to 9 of `SPEC.md`, written from that page alone: payload to levels, in whole numbers, slowly."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from math import floor, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
SHARES = 1 << 24
DISTANCES = (4, 2, 1, 1)


class Payload:
    """Section 7, a bit at a time."""

    def __init__(self, payload: bytes) -> None:
        payload = bytes(-len(payload) % 4) + payload
        self.words = deque(int.from_bytes(payload[i : i + 4], "big") for i in range(0, len(payload), 4))
        self.state = 0
        for _ in range(2):
            if self.words:
                self.state = self.state << 32 | self.words.popleft()

    def bit(self, p: int) -> int:
        zero = (65536 - p) * (SHARES - 2) // 65536 + 1
        high, r = divmod(self.state, SHARES)
        bit = int(r >= zero)
        self.state = high * (SHARES - zero) + r - zero if bit else high * zero + r
        if self.state < 1 << 32 and self.words:
            self.state = self.state << 32 | self.words.popleft()
        return bit

    def at_end(self) -> bool:
        return self.state == 0 and not self.words


def scaled(x: Ints, n: int) -> Ints:
    return (x + (1 << n - 1)) >> n


def saturated(x: Ints) -> Ints:
    return np.clip(x, -127, 127)


COMPANDED = np.array([floor(16 * log2(1 + v) + 0.5) for v in range(128)])


def companded(v: Ints) -> Ints:
    return np.sign(v) * COMPANDED[np.minimum(abs(v), 127)]


def activations(s: Ints) -> Ints:
    return saturated(scaled(s, 3))


class Levels:
    """Section 9: the levels of a GOP. `tensors` and `sizes` as in the model's file."""

    def __init__(self, tensors: dict[str, Any], sizes: dict[str, int]) -> None:
        self.tensors = {name: np.asarray(tensor).astype(np.int64) for name, tensor in tensors.items()}
        self.dims, self.token, self.width = sizes["latent_dims"], sizes["token_dims"], sizes["width"]
        self.blocks = sizes["context_blocks"]
        rest = self.dims - self.token
        thirds = [4 + self.token + rest * i // 3 for i in range(4)]
        self.columns = [slice(a, b) for a, b in zip([0, 4, *thirds], [4, *thirds], strict=False)]

    def decode(
        self, payload: bytes, counts: list[int], first_quality: int, quality: int, size: tuple[int, int], n: int
    ) -> Ints:
        """[n, h·w, columns]; fails unless the payload ends with the last bit."""
        self.bits, (self.h, self.w) = Payload(payload), size
        self.memory = np.zeros((*size, self.width), np.int64)
        latents: list[Ints] = []
        for index in range(n):
            own = first_quality if index == 0 else quality
            self.counts = counts[:5] if index == 0 else counts[-5:]
            latents.append(self._latent(own, latents[-1] if latents else None))
        assert self.bits.at_end()
        return np.stack(latents).reshape(n, self.h * self.w, -1)

    def _latent(self, quality: int, before: Ints | None) -> Ints:
        out = np.zeros((self.h, self.w, 4 + self.dims), np.int64)
        condition = np.zeros(12, np.int64)
        if quality:
            condition[quality // 12] = 12 - quality % 12
            condition[quality // 12 + 1] = quality % 12
        else:
            condition[10] = 12
        condition[11] = 12 * (before is None)
        context = None
        if before is not None:
            if quality and self.counts[0]:
                for number, places in enumerate(self._groups()):
                    self._motion(number, places, out, before, condition)
            context = self.memory = self._context(before[..., 4:], out[..., :4], condition)
        for number, places in enumerate(self._groups()):
            self._token_and_rest(number, places, out, context, condition, tokens=quality == 0)
        return out

    def _groups(self) -> list[list[tuple[int, int]]]:
        groups: list[list[tuple[int, int]]] = [[], [], [], []]
        for y in range(self.h):
            for x in range(self.w):
                if y % 4 == x % 4 == 0:
                    groups[0].append((y, x))
                elif y % 2 == x % 2 == 0:
                    groups[1].append((y, x))
                elif y % 2 == x % 2 == 1:
                    groups[2].append((y, x))
                else:
                    groups[3].append((y, x))
        return groups

    def _linear(self, name: str, a: Ints) -> Ints:
        bias = self.tensors.get(f"prior.{name}.bias", np.int64(0))
        return a @ self.tensors[f"prior.{name}.weight"].T + bias

    def _mlp(self, name: str, s: Ints) -> Ints:
        hidden = saturated(scaled(np.maximum(0, self._linear(f"{name}.up", activations(s))), 7))
        return s + scaled(self._linear(f"{name}.down", hidden), 4)

    def _neighbours(self, grid: Ints, place: tuple[int, int], d: int) -> Ints:
        wide = np.pad(grid, ((d, d), (d, d), (0, 0)))
        y, x = place
        return np.concatenate([wide[y + d + d * i, x + d + d * j] for i in (-1, 0, 1) for j in (-1, 0, 1)])

    def _motion(
        self, g: int, places: list[tuple[int, int]], out: Ints, before: Ints, condition: Ints
    ) -> None:
        parameters = []
        for place in places:
            here = self._neighbours(out[..., :4], place, DISTANCES[g])
            near = np.concatenate([here, self._neighbours(before[..., :4], place, 1)])
            total = self._linear(f"motion.neighbours.{g}", companded(near))
            s = scaled(np.maximum(0, total + self._linear("motion.condition", condition)), 4)
            t = self._linear("motion.head", activations(self._mlp("motion.mlp", s))).reshape(3, -1)
            t[0] += 16 * self._linear(f"motion.straight.{g}", saturated(near))
            parameters.append(t)
        self._block(0, places, parameters, out)

    def _context(self, level: Ints, motion: Ints, condition: Ints) -> Ints:
        s = np.zeros((self.h, self.w, self.width), np.int64)
        for y in range(self.h):
            for x in range(self.w):
                from_y = min(self.h - 1, max(0, y + (motion[y, x, 1] + 8) // 16))
                from_x = min(self.w - 1, max(0, x + (motion[y, x, 0] + 8) // 16))
                past = [
                    companded(level[from_y, from_x]),
                    self.memory[from_y, from_x],
                    companded(motion[y, x]),
                ]
                total = self._linear("context.embed", np.concatenate(past))
                s[y, x] = scaled(total + self._linear("context.condition", condition), 4)
        for i in range(self.blocks):
            s = self._mlp(f"context.blocks.{i}.1", self._attention(f"context.blocks.{i}.0", s, 4 * (i % 2)))
        return activations(s)

    def _attention(self, name: str, s: Ints, e: int) -> Ints:
        qkv = saturated(scaled(self._linear(f"{name}.qkv", activations(s)), 7))
        table, position = self.tensors[f"tables.prior.{name}.table"], self.tensors[f"prior.{name}.position"]
        windows: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for y in range(self.h):
            for x in range(self.w):
                windows.setdefault(((y + e) // 8, (x + e) // 8), []).append((y, x))
        mixed = np.zeros_like(s)
        for window in windows.values():
            for j in range(self.width // 32):
                part = slice(32 * j, 32 * j + 32)
                keys = np.stack([qkv[r][self.width :][part] for r in window])
                values = np.stack([qkv[r][2 * self.width :][part] for r in window])
                for p in window:
                    places = [15 * (p[0] - r[0] + 7) + p[1] - r[1] + 7 for r in window]
                    score = keys @ qkv[p][part] + position[j, places]
                    weight = table[np.minimum(255, (score.max() - score) // 64)]
                    total = weight.sum()
                    mixed[p][part] = (2 * (weight @ values) + total) // (2 * total)
        return s + scaled(self._linear(f"{name}.out", mixed), 4)

    def _token_and_rest(
        self,
        g: int,
        places: list[tuple[int, int]],
        out: Ints,
        context: Ints | None,
        condition: Ints,
        *,
        tokens: bool,
    ) -> None:
        streams, parameters = [], []
        for place in places:
            near = self._neighbours(out[..., 4:], place, DISTANCES[g])
            total = self._linear(f"reader.neighbours.{g}", companded(near))
            total = total + self._linear("reader.condition", condition)
            if context is not None:
                total = total + self._linear("reader.context", context[place])
            s = self._mlp("reader.first_mlp", scaled(np.maximum(0, total), 4))
            t = self._linear("reader.token_head", activations(s)).reshape(3, -1)
            straight = near.reshape(9, -1)[:, : self.token].reshape(-1)
            t[0] += 16 * self._linear(f"reader.linear.{g}", saturated(straight))
            streams.append(s)
            parameters.append(t)
        if tokens:
            return self._signs(places, parameters, out)
        token = self._block(1, places, parameters, None)
        if any(self.counts[2:]):
            parameters = []
            for s, levels in zip(streams, token, strict=True):
                further = s + scaled(self._linear("reader.token_embed", companded(levels)), 4)
                t = self._linear("reader.rest_head", activations(self._mlp("reader.rest_mlp", further)))
                parameters.append(t.reshape(3, -1))
            first = self.columns[2].start
            rest = []
            for number in (2, 3, 4):
                columns = slice(self.columns[number].start - first, self.columns[number].stop - first)
                rest.append(self._block(number, places, [t[:, columns] for t in parameters], None))
            for place, *levels in zip(places, *rest, strict=True):
                out[place][first:] = np.concatenate(levels)
        for place, levels in zip(places, token, strict=True):
            out[place][self.columns[1]] = levels
        return None

    def _block(
        self, number: int, places: list[tuple[int, int]], parameters: list[Ints], out: Ints | None
    ) -> list[Ints]:
        """The levels of the block, put into `out` too if that is given."""
        if not places:
            return []
        cells = [Coefficient(self.tensors, t[:, i]) for t in parameters for i in range(t.shape[1])]
        for k in reversed(range(self.counts[number])):
            quiet, loud = [c for c in cells if not c.magnitude], [c for c in cells if c.magnitude]
            new = [c for c in quiet if self.bits.bit(c.significance(k))]
            for c in new:
                c.sign = -1 if self.bits.bit(c.negative(k)) else 1
                c.magnitude = 1 << k
            for c in loud:
                c.magnitude += self.bits.bit(c.refinement(k)) << k
        levels = np.array([c.sign * c.magnitude for c in cells], np.int64).reshape(len(places), -1)
        if out is not None:
            for place, row in zip(places, levels, strict=True):
                out[place][self.columns[number]] = row
        return list(levels)

    def _signs(self, places: list[tuple[int, int]], parameters: list[Ints], out: Ints) -> None:
        for place, t in zip(places, parameters, strict=True):
            for i in range(self.token):
                bit = self.bits.bit(Coefficient(self.tensors, t[:, i]).positive())
                out[place][4 + i] = 1 if bit else -1


class Coefficient:
    """Sections 9.6 and 9.7."""

    def __init__(self, tensors: dict[str, Ints], sums: Ints) -> None:
        location, scale, tail = (int(x) for x in sums)
        self.location = min(4095, max(-4095, (location + 64) >> 7))
        self.inverse = int(tensors["tables.coder.inverse"][min(63, max(0, ((scale + 256) >> 9) + 20))])
        self.tail = min(16, max(0, ((tail + 256) >> 9) + 4))
        self.logistic, self.heavy = tensors["tables.coder.logistic"], tensors["tables.coder.heavy"]
        self.magnitude, self.sign = 0, 1

    def at(self, e: int) -> int:
        i = 2048 + min(2048, max(-2048, floor(Fraction(e * self.inverse, 1 << 12))))
        logistic, heavy = int(self.logistic[i]), int(self.heavy[i])
        return logistic + (heavy - logistic) * self.tail // 16

    def mass(self, low: int, high: int) -> int:
        """Of the levels low … high."""
        below = [self.at(16 * v - 8 - self.location) + 2 * (v + 256) for v in (low, high + 1)]
        return below[1] - below[0]

    def significance(self, k: int) -> int:
        m, n = (self.mass(1 - (1 << j), (1 << j) - 1) for j in (k + 1, k))
        return share(m - n, m)

    def negative(self, k: int) -> int:
        near, far = 1 << k, (2 << k) - 1
        n, m = self.mass(-far, -near), self.mass(near, far)
        return share(n, n + m)

    def refinement(self, k: int) -> int:
        near, middle, far = self.magnitude, self.magnitude + (1 << k), self.magnitude + (2 << k) - 1
        if self.sign < 0:
            return share(self.mass(-far, -middle), self.mass(-far, -near))
        return share(self.mass(middle, far), self.mass(near, far))

    def positive(self) -> int:
        m = self.mass(-255, 255)
        return share(m - self.at(-self.location) - 512, m)


def share(a: int, b: int) -> int:
    return min(65535, max(1, 65536 * a // b))
