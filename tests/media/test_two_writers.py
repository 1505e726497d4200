"""Of two writers of one video the second is told at once, and neither leaves anything beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvcodec.errors import OutputError, OutputExists
from nvcodec.media import MediaWriter

from .support import CLIPS, read

NAMES = ["out.mp4", "out.mkv", "out.y4m", "out.png", "out-%d.png"]


@pytest.fixture(scope="module")
def film():
    """Two pictures."""
    media = read(CLIPS / "carphone.mp4", duration_s=0.1, scale="1/2")
    return media.video, media.pictures[:2]


@pytest.mark.parametrize("name", NAMES)
def test_the_second_writer_is_told_at_once(film, name: str, tmp_path: Path) -> None:
    video, pictures = film
    with MediaWriter(tmp_path / name, video) as out:
        with pytest.raises(OutputError, match="is being written by another process"):
            MediaWriter(tmp_path / name, video)
        for picture in pictures:
            out.write(picture)
        (tmp_path / "beside").mkdir()
        with MediaWriter(tmp_path / "beside" / name, video) as other:  # another place is another's
            other.write(pictures[0])
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]
    with MediaWriter(tmp_path / name, video) as out:  # and afterwards it is free again
        out.write(pictures[0])


@pytest.mark.parametrize("name", NAMES)
def test_whoever_fails_lets_go(film, name: str, tmp_path: Path) -> None:
    video, pictures = film
    with pytest.raises(RuntimeError), MediaWriter(tmp_path / name, video) as out:
        out.write(pictures[0])
        raise RuntimeError
    with pytest.raises(OutputError, match="there are no pictures"), MediaWriter(tmp_path / name, video):
        pass
    with pytest.raises(OutputError, match="there is no container"):
        MediaWriter(tmp_path / name, video, container="none")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_comes_up_meanwhile_is_replaced_only_when_told_to(film, name: str, tmp_path: Path) -> None:
    video, pictures = film
    place = tmp_path / name.replace("%d", "2")
    with pytest.raises(OutputExists, match="exists already"), MediaWriter(tmp_path / name, video, replace=False) as out:
        for picture in pictures:
            out.write(picture)
        place.write_bytes(b"theirs")
    assert place.read_bytes() == b"theirs" and list(tmp_path.iterdir()) == [place]
    with MediaWriter(tmp_path / name, video) as out:
        for picture in pictures:
            out.write(picture)
    assert place.read_bytes() != b"theirs"
