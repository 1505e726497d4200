"""Training data in shards: the same clips as in folders, and nothing that an archive says is believed or obeyed."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from nvcodec.errors import NvcodecError, UnsupportedInput
from nvcodec.media import MediaReader, Picture
from nvcodec.media.packing import pack
from nvcodec.train import prepare as preparing
from nvcodec.train.prepare import prepare
from nvcodec.train.shards import HEADER_BYTES, Member, members, named_shards
from nvcodec.train.sources import SUFFIXES, overlap

from .conftest import CLIPS
from .stills import write_still

CARPHONE = (CLIPS / "carphone.mp4").read_bytes()
LOW = (128,)  # one size is enough


def entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, **more: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    for key, value in more.items():
        setattr(info, key, value)
    return info


def write_shard(path: Path, files: Iterable[tuple[str | tarfile.TarInfo, bytes]]) -> Path:
    """A shard of names or headers with their bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in files:
            info = entry(name, size=len(data)) if isinstance(name, str) else name
            archive.addfile(info, io.BytesIO(data))
    return path


def prepared(places: list[Path], folder: Path) -> tuple[list[Path], list[str]]:
    """Prepared files, and what was left out."""
    left: list[str] = []
    made = prepare(places, folder, lambda source, error: left.append(f"{source}: {error}"), LOW)
    return made, left


@pytest.fixture
def still(tmp_path: Path) -> bytes:
    write_still(tmp_path / "still.png", seed=1)
    return (tmp_path / "still.png").read_bytes()


def test_a_member_is_prepared_as_it_was_decoded_and_other_members_are_passed_over(
    tmp_path: Path, still: bytes
) -> None:
    samples = [("0001.mp4", CARPHONE), ("0001.json", b"{}"), ("0002.cls", b"7"), ("0002.png", still)]
    shard = write_shard(tmp_path / "set" / "deep" / "train-000000.tar", samples)
    made, left = prepared([tmp_path / "set"], tmp_path / "kept")
    assert not left and [file.name.rsplit("-", 2)[0][:10] for file in made] == ["video-0001", "still-0002"]
    with MediaReader(CLIPS / "carphone.mp4", audio=False, scale="156x128") as reader:
        frames = [pack(item.y, item.u, item.v) for item in reader.items() if isinstance(item, Picture)]
    assert np.array_equal(np.load(made[0]), np.stack(frames))
    assert prepared([shard], tmp_path / "kept") == (made, [])


def test_a_video_in_a_folder_and_in_shards_is_prepared_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, decoded = tmp_path / "clips", []
    folder.mkdir()
    (folder / "mine.mp4").write_bytes(CARPHONE)
    shards = [write_shard(tmp_path / f"{n}.tar", [(f"{n}.mp4", CARPHONE)]) for n in range(2)]
    decode = preparing._decode_all
    monkeypatch.setattr(
        preparing, "_decode_all", lambda source, *rest: (decoded.append(source), decode(source, *rest))[1]
    )
    together, left = prepared([folder, *shards], tmp_path / "kept")
    assert len(decoded) == 1 and len(together) == 1 and not left
    for places in ([folder], shards, shards[1:]):
        assert prepared(places, tmp_path / "kept") == (together, [])
    assert len(decoded) == 1
    assert len(list((tmp_path / "kept").iterdir())) == 2  # the frames and their manifest


def test_processes_share_the_members_of_a_shard(
    tmp_path: Path, still: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [("1.mp4", CARPHONE), ("2.png", still), ("3.mp4", b"broken"), ("4.png", still)]
    shard = write_shard(tmp_path / "a.tar", samples)
    alone, _ = prepared([shard], tmp_path / "alone")
    made: list[Path] = []
    left: list[str] = []
    new: list[int] = []
    for rank in range(2):
        before = set((tmp_path / "kept").glob("*.json"))
        monkeypatch.setattr(preparing, "place", lambda rank=rank: (rank, 2))
        made, left = prepared([shard], tmp_path / "kept")
        new.append(len(set((tmp_path / "kept").glob("*.json")) - before))
    assert sorted(new) == [1, 2]
    assert [file.name for file in made] == [file.name for file in alone] and len(left) == 1


def test_a_pattern_of_shards_is_every_one_of_them(tmp_path: Path) -> None:
    names = [path.name for path in named_shards(Path("train-{008..011}-{1..2}.tar"))]
    assert names == [f"train-{n:03}-{m}.tar" for n in (8, 9, 10, 11) for m in (1, 2)]
    assert named_shards(Path("a{9..10}.tar")) == [Path("a9.tar"), Path("a10.tar")]
    for wrong in ("a{3..2}.tar", "a{0..100000}.tar", "a{0..9999}{0..9999}.tar", f"a{{0..{10**30}}}.tar"):
        with pytest.raises(NvcodecError, match="stands for no shard"):
            named_shards(Path(wrong))
    write_shard(tmp_path / "a-0.tar", [("1.mp4", CARPHONE)])
    literal = write_shard(tmp_path / "b-{0..1}.tar", [("1.mp4", CARPHONE)])
    assert len(prepared([literal], tmp_path / "kept")[0]) == 1
    with pytest.raises(NvcodecError, match=r"a-1\.tar: there is no such"):
        prepared([tmp_path / "a-{0..1}.tar"], tmp_path / "kept")


def test_a_clip_to_measure_on_is_found_in_a_shard_to_learn_from(tmp_path: Path, still: bytes) -> None:
    shard = write_shard(tmp_path / "a.tar", [("renamed.png", still), ("renamed.mp4", CARPHONE)])
    found = overlap([shard], [CLIPS])
    assert found == CLIPS / "carphone.mp4"
    assert str(overlap([CLIPS], [shard])) == f"{shard}: renamed.mp4"
    assert overlap([write_shard(tmp_path / "b.tar", [("carphone.mp4", still)])], [CLIPS]) is None


def test_names_in_an_archive_name_nothing_outside_it(tmp_path: Path, still: bytes) -> None:
    victim = tmp_path / "victim.png"
    victim.write_bytes(b"untouched")
    names = [str(victim), "../../victim.png", "..\\..\\victim.png", "x/" * 200 + "%05d.png"]
    names.append("\x1b[2J\nfile:a\udc80.png")
    shard = write_shard(tmp_path / "set" / "a.tar", [(name, still + bytes([n])) for n, name in enumerate(names)])
    before = sorted(path for path in tmp_path.rglob("*"))
    made, left = prepared([shard], tmp_path / "kept")
    assert len(made) == len(names) and not left
    assert sorted(path for path in tmp_path.rglob("*") if tmp_path / "kept" not in (path, path.parent)) == before
    assert victim.read_bytes() == b"untouched"
    assert all(str(member).isprintable() and len(member.name) <= 200 for member in members(shard, SUFFIXES))


def test_links_and_devices_are_left_out_and_listed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(CARPHONE)
    hostile = [
        entry("soft.mp4", tarfile.SYMTYPE, linkname=str(secret)),
        entry("hard.mp4", tarfile.LNKTYPE, linkname="../secret.mp4"),
        entry("zero.mp4", tarfile.CHRTYPE, devmajor=1, devminor=5),
        entry("disk.mp4", tarfile.BLKTYPE, devmajor=8),
        entry("pipe.mp4", tarfile.FIFOTYPE),
    ]
    folder = entry("folder.mp4", tarfile.DIRTYPE)
    files = [*((info, b"") for info in hostile), (folder, b""), ("good.mp4", CARPHONE)]
    made, left = prepared([write_shard(tmp_path / "a.tar", files)], tmp_path / "kept")
    assert [file.name[:10] for file in made] == ["video-good"]
    assert [line.partition(".tar: ")[2] for line in left] == [
        f"{info.name}: it is a link or a device, not a file" for info in hostile
    ]


def test_a_member_larger_than_its_shard_is_listed_and_never_read(tmp_path: Path) -> None:
    for size in (1 << 40, 1 << 62, 1 << 80):
        shard = write_shard(tmp_path / "a.tar", [("good.mp4", CARPHONE)])
        claim = entry("huge.mp4", size=size).tobuf(tarfile.GNU_FORMAT)
        with shard.open("r+b") as file:
            file.seek(-(len(CARPHONE) // -512) * 512 + 512)
            file.write(claim + b"little" * 100)
        made, left = prepared([shard], tmp_path / "kept")
        assert [file.name[:10] for file in made] == ["video-good"]
        assert left == [f"{shard}: huge.mp4: it is said to have {size} bytes, which the shard has not"]


def test_a_sparse_member_is_listed(tmp_path: Path) -> None:
    claims = {"GNU.sparse.map": f"0,1,{1 << 40},0", "GNU.sparse.size": str(1 << 40)}
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(entry("holes.mp4", size=1, pax_headers=claims), io.BytesIO(b"x"))
    assert [member.fault for member in members(tmp_path / "a.tar", SUFFIXES)] == [
        "it is a sparse file, which is not read from shards"
    ]


def test_headers_without_end_are_not_read_to_theirs(tmp_path: Path) -> None:
    long = entry("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=1 << 30).tobuf()
    chain = entry("././@LongLink", tarfile.GNUTYPE_LONGNAME).tobuf() * 5000
    for number, headers in enumerate((long, chain)):
        shard = tmp_path / f"{number}.tar"
        with shard.open("wb") as file:
            file.write(headers)
            file.truncate(1 << 30)  # which takes no room
        (only,) = members(shard, SUFFIXES)
        assert only.name == "" and f"a header of more than {HEADER_BYTES} bytes" in str(only.fault)


def test_headers_that_lead_back_end_there(tmp_path: Path) -> None:
    """A negative size, by which some versions of tarfile come to the same header again and again."""
    header = bytearray(entry("back.mp4", b"Z").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = struct.pack(">iq", -1, -512)  # base 256
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:512]))
    shard = tmp_path / "a.tar"
    shard.write_bytes(entry("good.png", size=0).tobuf() + bytes(header[:512]) + bytes(1024))
    found = list(members(shard, SUFFIXES))
    assert [member.name for member in found if member.fault is None] == ["good.png"]
    assert found[-1].fault is not None


def test_what_lies_before_damage_is_used_and_the_damage_listed(tmp_path: Path, still: bytes) -> None:
    shard = write_shard(tmp_path / "a.tar", [("1.png", still), ("2.mp4", CARPHONE), ("3.png", still + b"x")])
    whole = shard.read_bytes()
    second = next(member for member in members(shard, SUFFIXES) if member.name == "2.mp4").offset - 512
    for cut in (second + 100, second + 5000):
        shard.write_bytes(whole[:cut])
        made, left = prepared([shard], tmp_path / "kept")
        assert len(made) == 1 and len(left) == 1 and str(shard) in left[0]
    shard.write_bytes(whole[:second] + b"?" * 512 + whole[second + 512 :])
    made, left = prepared([shard], tmp_path / "kept")
    assert len(made) == 1 and len(left) == 1 and f"no header at byte {second}" in left[0]
    shard.write_bytes(whole[: second + 512] + b"?" * 3000 + whole[second + 3512 :])
    made, left = prepared([shard], tmp_path / "kept")
    assert len(made) == 2 and [line.rpartition(".tar: ")[2][:5] for line in left] == ["2.mp4"]


@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100, b"\x1f\x8b\x08" + bytes(2000)])
def test_what_is_no_shard_is_listed(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    made, left = prepared([tmp_path], tmp_path / "kept")
    assert not made and len(left) == 1 and "it is no uncompressed tar file" in left[0]


def test_a_shard_with_bytes_changed_anywhere_gives_members_within_it_or_faults(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    shard = write_shard(tmp_path / "a.tar", [("long/" * 40 + f"{n}.png", bytes(100)) for n in range(3)])
    whole = np.frombuffer(shard.read_bytes(), np.uint8)
    for _ in range(300):
        changed = whole.copy()
        at = random.integers(0, 6144, 4)
        changed[at] = random.integers(0, 256, 4)
        for block in range(0, 6144, 512):  # checksums made right, so that the change is believed
            header = changed[block : block + 512]
            if header[257:262].tobytes() == b"ustar":
                header[148:156] = 32
                header[148:156] = np.frombuffer(b"%06o\0 " % int(header.sum()), np.uint8)
        shard.write_bytes(changed.tobytes())
        for member in members(shard, SUFFIXES):
            if member.fault is None:
                assert 0 <= member.offset <= member.offset + member.size <= len(whole)


def test_a_member_is_a_file_of_its_own_of_which_any_part_may_be_read(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "a.tar", [("1.mp4", b"0123456789"), ("2.mp4", b"others")])
    member = next(members(shard, SUFFIXES))
    with member.open() as file:
        assert file.read() == b"0123456789" and file.read(5) == b""
        assert file.seek(-3, io.SEEK_END) == 7 and file.read(10) == b"789"
        assert file.seek(2) == 2 and file.read(3) == b"234" and file.seek(1, io.SEEK_CUR) == 6
        assert file.seek(100) == 100 and file.read(1) == b""
        with pytest.raises(OSError, match="before the beginning"):
            file.seek(-1)
    with pytest.raises(UnsupportedInput, match="broken"):
        Member(shard, "x.mp4", 0, 1, "broken").open()
