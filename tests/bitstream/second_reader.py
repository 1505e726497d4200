"""A reader of `.mgv` files written from `SPEC.md` alone; shares nothing with nvcodec, the CRC included."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from hashlib import sha256
from typing import Any

SHARES = 1 << 24


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def decode_bits(payload: bytes, probabilities: list[int]) -> list[int]:
    """Section 7; fails unless the payload ends with the last bit."""
    assert not payload.startswith(b"\0")
    payload = bytes(-len(payload) % 4) + payload
    words = deque(int.from_bytes(payload[i : i + 4], "big") for i in range(0, len(payload), 4))
    state = 0
    for _ in range(2):
        if words:
            state = state << 32 | words.popleft()
    bits = []
    for p in probabilities:
        zero = (65536 - p) * (SHARES - 2) // 65536 + 1
        r = state % SHARES
        bits.append(int(r >= zero))
        state = state // SHARES * (SHARES - zero) + r - zero if bits[-1] else state // SHARES * zero + r
        if state < 1 << 32 and words:
            state = state << 32 | words.popleft()
    assert state == 0
    assert not words
    return bits


def sound_bits(begin: bytes, size: int, probabilities: list[int]) -> list[int]:
    """Section 14: the bits of a payload of so many bytes for which no word behind its `begin` is taken."""
    filled = bytes(-size % 4) + begin
    words = deque(int.from_bytes(filled[i : i + 4], "big") for i in range(0, len(filled) // 4 * 4, 4))
    if len(words) < 2:
        return []
    state = words.popleft() << 32 | words.popleft()
    bits = []
    for p in probabilities:
        zero = (65536 - p) * (SHARES - 2) // 65536 + 1
        r = state % SHARES
        bit = int(r >= zero)
        state = state // SHARES * (SHARES - zero) + r - zero if bit else state // SHARES * zero + r
        if state < 1 << 32:
            if not words:
                break
            state = state << 32 | words.popleft()
        bits.append(bit)
    return bits


class Fields:
    """Section 1."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def raw(self, size: int) -> bytes:
        self.at += size
        assert self.at <= len(self.data)
        return self.data[self.at - size : self.at]

    def number(self, size: int = 1) -> int:
        return int.from_bytes(self.raw(size), "little")

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.number()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def svarint(self) -> int:
        value = self.varint()
        return -(value + 1) // 2 if value % 2 else value // 2

    def fraction(self) -> Fraction:
        return Fraction(self.varint(), self.varint())

    def block(self) -> bytes:
        return self.raw(self.varint())

    def text(self) -> str:
        return self.block().decode()


def read_file(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    """All chunks as (type, fields), those of unknown type without fields."""
    assert data[:9] == bytes.fromhex("8A4D47560D0A1A0A01")
    file, chunks = Fields(data), []
    file.at = 9
    while file.at < len(data):
        begin = file.at
        assert file.raw(4) == bytes.fromhex("F54D4743")
        kind = chr(file.number())
        body = file.block()
        assert crc32c(data[begin + 4 : file.at]) == file.number(4)
        if kind == "S":  # section 11
            assert body == sha256(data[:begin]).digest()
            assert "S" not in [earlier for earlier, _ in chunks]
        assert kind not in "GP" or "S" not in [earlier for earlier, _ in chunks]
        parse = {"H": header, "S": whole, "C": checks, "G": gop, "P": packets, "I": index}.get(kind)
        chunks.append(
            (kind, parse(Fields(body)) | {"begin": begin, "size": file.at - begin} if parse else {})
        )
    return chunks


def header(f: Fields) -> dict[str, Any]:
    assert f.varint() == 0
    h: dict[str, Any] = {"width": f.varint(), "height": f.varint()}
    flags = f.number()
    h |= {"chroma": ("400", "420", "422", "444")[flags % 4], "interlaced": bool(flags & 4)}
    h |= {"full_range": bool(flags & 8), "tokens": bool(flags & 16)}
    for name in ("bit_depth", "primaries", "transfer", "matrix", "chroma_location"):
        h[name] = f.number()
    h |= {"rotation": f.svarint(), "sample_aspect_ratio": f.fraction(), "time_base": f.fraction()}
    h["frame_rate"] = f.fraction() if f.number() else None
    h |= {"profile": f.varint(), "model_id": f.raw(16)}
    h["tags"] = {f.text(): f.text() for _ in range(f.varint())}
    h["tracks"] = [track(f) for _ in range(f.varint())]
    assert f.at == len(f.data)
    return h


def track(f: Fields) -> dict[str, Any]:
    t: dict[str, Any] = {"kind": ("audio", "subtitle")[f.number()], "default": bool(f.number())}
    t |= {"codec": f.text(), "time_base": f.fraction(), "extradata": f.block()}
    t["parameters"] = {f.text(): f.text() if f.number() else f.svarint() for _ in range(f.varint())}
    return t | {"language": f.text(), "title": f.text()}


def gop(f: Fields) -> dict[str, Any]:
    n = f.varint()
    pts = [f.svarint()]
    den = f.varint() if n > 1 else 0
    if den:
        num, phase = f.varint(), f.varint()
        pts = [pts[0] + (i * num + phase) // den for i in range(n)]
    else:
        for _ in range(n - 1):
            pts.append(pts[-1] + f.varint())
    g: dict[str, Any] = {"pts": tuple(pts), "duration": f.varint(), "quality": f.number()}
    g["first_quality"] = f.number()
    g["halvings"], count = divmod(f.number(), 32)
    halves = [half for byte in f.raw((count + 1) // 2) for half in (byte % 16, byte // 16)]
    g["plane_counts"] = bytes(halves[:count])
    return g | {"planes_crc": f.number(4), "payload": f.raw(len(f.data) - f.at)}


def checks(f: Fields) -> dict[str, Any]:
    c: dict[str, Any] = {"bytes": f.varint()}
    c["block"] = next(1024 << n for n in range(64) if 32 * (1024 << n) >= c["bytes"])
    c["crcs"] = [f.number(4) for _ in range(-(-c["bytes"] // c["block"]))]
    c["head"] = f.raw(len(f.data) - f.at)
    assert gop(Fields(c["head"]))["payload"] == b""
    return c


def packets(f: Fields) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    last: dict[int, dict[str, Any]] = {}
    for _ in range(f.varint()):
        number, flags = divmod(f.varint(), 16)
        before, expected = last.get(number), 0
        if before is not None:
            start = before["pts"] if before["pts"] is not None else before["dts"]
            expected = (start or 0) + before["duration"]
        pts = dts = expected
        if flags & 2:
            assert before is not None
            duration = before["duration"]
        else:
            pts = expected + f.svarint() if flags & 4 else None
            dts = (expected if pts is None else pts) + f.svarint() if flags & 8 else None
            duration = f.varint()
        packet = {"track": number, "pts": pts, "dts": dts, "duration": duration, "keyframe": bool(flags & 1)}
        found.append(packet | {"data": f.block()})
        last[number] = packet
    assert f.at == len(f.data)
    return {"packets": found}


def whole(f: Fields) -> dict[str, Any]:
    assert len(f.data) == 32
    return {"sha256": f.data}


def index(f: Fields) -> dict[str, Any]:
    entries = [(0, 0, 0)]
    for _ in range(f.varint()):
        entries.append((entries[-1][0] + f.varint(), entries[-1][1] + f.svarint(), f.varint()))
    found = {"entries": entries[1:], "packets": f.varint(), "end": entries[-1][1] + f.svarint()}
    found["own_size"] = f.number(4)
    assert f.at == len(f.data)
    return found
