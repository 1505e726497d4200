"""Files at URLs are read like files here, a part of one by a part of its bytes; what goes wrong there is one line."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from nvcodec.bitstream import concat

from nvcodec.remote import BLOCK_BYTES

from .serving import Manner, Served, closed_port, serving
from .support import contents, run, run_well, without

PART = ("--start", "20.3", "--duration", "0.5")
FILMS = 120  # of 0.6 s


@pytest.fixture(scope="module")
def film(coded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bunny over and over, 72 s in 240 groups, with its sound."""
    path = tmp_path_factory.mktemp("film") / "film.mgv"
    with path.open("wb") as file:
        concat([io.BytesIO(coded.read_bytes()) for _ in range(FILMS)], file)
    return path


@pytest.fixture
def served(film: Path, coded: Path) -> Iterator[Served]:
    """A server of the film and the bunny."""
    with serving({"film.mgv": film.read_bytes(), "bunny.mgv": coded.read_bytes()}) as served:
        yield served


def test_a_part_is_that_of_the_file_and_costs_less_than_an_eighth_of_it(
    served: Served, film: Path, tmp_path: Path
) -> None:
    report = run_well("decode", f"{served.url}/film.mgv", "far.y4m", *PART, "--json", cwd=tmp_path).json
    run_well("decode", film, "near.y4m", *PART, cwd=tmp_path)
    assert (tmp_path / "far.y4m").read_bytes() == (tmp_path / "near.y4m").read_bytes()
    assert report["input"] == f"{served.url}/film.mgv" and report["frames"] == 13
    assert report["bytes_read"] == served.sent < film.stat().st_size / 8


def test_a_cut_fetches_less_than_an_eighth_and_is_that_of_the_file(served: Served, film: Path, tmp_path: Path) -> None:
    run_well("cut", f"{served.url}/film.mgv", "far.mgv", *PART, cwd=tmp_path)
    run_well("cut", film, "near.mgv", *PART, cwd=tmp_path)
    assert (tmp_path / "far.mgv").read_bytes() == (tmp_path / "near.mgv").read_bytes()
    assert 0 < served.sent < film.stat().st_size / 8


def test_a_film_read_through_is_fetched_once_in_few_requests(served: Served, film: Path, tmp_path: Path) -> None:
    size = film.stat().st_size
    said = run_well("verify", f"{served.url}/film.mgv", cwd=tmp_path).text
    assert said.startswith(f"{served.url}/film.mgv: whole; ") and " 1800 frames" in said
    assert served.sent == size
    assert len(served.answers) < size / BLOCK_BYTES


@pytest.mark.parametrize(
    "command",
    [
        ["info", "--json", "IN"],
        ["verify", "--deep", "--json", "IN"],
        ["decode", "IN", "-", "--container", "y4m"],
        ["cut", "IN", "-", "--start", "0.4"],
        ["thin", "IN", "-", "--planes", "1"],
        ["concat", "IN", "IN", "-"],
        ["repair", "IN", "-"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_reads_a_url_as_it_does_a_file(
    command: list[str], served: Served, coded: Path, tmp_path: Path
) -> None:
    url = f"{served.url}/bunny.mgv?key=a/b"
    far, near = (
        run_well(*(source if word == "IN" else word for word in command), cwd=tmp_path) for source in (url, coded)
    )
    assert far.out == near.out != b""
    assert served.sent > 0 and contents(tmp_path) == {}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, signed by itself, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl makes a certificate")
    key, path = tmp_path_factory.mktemp("tls") / "key.pem", tmp_path_factory.mktemp("tls") / "both.pem"
    names = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", path, *names],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path


def test_https_is_read_and_only_from_a_server_whose_certificate_is_trusted(
    film: Path, certificate: Path, tmp_path: Path
) -> None:
    with serving({"film.mgv": film.read_bytes()}, certificate=certificate) as served:
        url = f"{served.url}/film.mgv"
        trusting = {"SSL_CERT_FILE": str(certificate)}
        report = run("decode", url, "far.y4m", *PART, "--json", cwd=tmp_path, env=trusting).json
        assert report["frames"] == 13 and 0 < report["bytes_read"] == served.sent < film.stat().st_size / 8
        refused = run("info", url, cwd=tmp_path)
        assert refused.code == 1 and "certificate" in refused.error


def test_a_server_without_head_will_do(film: Path, tmp_path: Path) -> None:
    with serving({"film.mgv": film.read_bytes()}, "no HEAD") as served:
        run_well("decode", f"{served.url}/film.mgv", "far.y4m", *PART, cwd=tmp_path)
        assert served.sent < film.stat().st_size / 8
    run_well("decode", film, "near.y4m", *PART, cwd=tmp_path)
    assert (tmp_path / "far.y4m").read_bytes() == (tmp_path / "near.y4m").read_bytes()


def test_the_result_takes_the_name_of_the_url_s_file_and_lies_here(served: Served, tmp_path: Path) -> None:
    run_well("decode", f"{served.url}/bunny.mgv?key=a/b", "--duration", "0.1", cwd=tmp_path)
    assert list(contents(tmp_path)) == ["bunny.decoded.mp4"]


def test_what_a_server_wants_to_know_is_fsspec_s_to_be_told(served: Served, tmp_path: Path) -> None:
    served.token = "Bearer 123"
    assert run("verify", f"{served.url}/bunny.mgv", cwd=tmp_path).error == (
        f"{served.url}/bunny.mgv cannot be read: the server answers 401 Unauthorized"
    )
    told = {"FSSPEC_HTTP": '{"headers": {"Authorization": "Bearer 123"}}'}
    assert run("verify", f"{served.url}/bunny.mgv", cwd=tmp_path, env=told).code == 0


@pytest.mark.parametrize(
    "command",
    [["decode", "IN", "out.mp4"], ["info", "IN"], ["verify", "IN"], ["cut", "IN", "out.mgv", "--start", "1"]],
    ids=lambda command: command[0],
)
def test_a_file_that_is_not_there_or_a_server_that_is_not_is_one_line(
    command: list[str], served: Served, tmp_path: Path
) -> None:
    nowhere = f"http://127.0.0.1:{closed_port()}/film.mgv"
    for url, reason in (
        (f"{served.url}/none.mgv", "the server answers 404 Not Found"),
        (nowhere, "Cannot connect to host 127.0.0.1"),
    ):
        result = run(*(url if word == "IN" else word for word in command), cwd=tmp_path)
        assert result.code == 1 and result.error.startswith(f"{url} cannot be read: {reason}")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("manner", ["whole", "says whole", "says no size"])
def test_a_server_that_sends_only_whole_files_is_said_to_with_the_way_out(
    manner: Manner, film: Path, tmp_path: Path
) -> None:
    with serving({"film.mgv": film.read_bytes()}, manner) as served:
        result = run("decode", f"{served.url}/film.mgv", "out.mp4", *PART, cwd=tmp_path)
        assert result.code == 1 and result.error == (
            f"{served.url}/film.mgv cannot be read: the server does not serve parts of files; "
            "download it, or pipe it in: curl -L URL | nvcodec … -"
        )
    assert contents(tmp_path) == {}


def test_a_connection_that_breaks_off_leaves_nothing(film: Path, tmp_path: Path) -> None:
    with serving({"film.mgv": film.read_bytes()}, "breaks off") as served:
        result = run("cut", f"{served.url}/film.mgv", "out.mgv", *PART, cwd=tmp_path)
        assert result.code == 1 and result.error.startswith(f"{served.url}/film.mgv cannot be read: ")
    assert contents(tmp_path) == {}


def test_a_damaged_file_is_named_by_its_url(coded: Path, tmp_path: Path) -> None:
    with serving({"film.mgv": coded.read_bytes()[:-10], "empty.mgv": b""}) as served:
        result = run("verify", f"{served.url}/film.mgv", cwd=tmp_path)
        assert result.code == 1 and result.error.startswith(f"{served.url}/film.mgv: ")
        assert "the file is empty" in run("info", f"{served.url}/empty.mgv", cwd=tmp_path).error


@pytest.mark.parametrize("missing", ["aiohttp", "fsspec"])
def test_without_the_packages_one_line_says_what_to_install(missing: str, tmp_path: Path) -> None:
    result = run("info", "https://127.0.0.1/film.mgv", cwd=tmp_path, env=without(missing, tmp_path))
    assert (result.code, result.error) == (
        1,
        "reading https:// needs packages that are not installed: pip install 'nvcodec[http]'",
    )


def test_a_scheme_nobody_knows_is_named(tmp_path: Path) -> None:
    result = run("info", "nosuch://host/film.mgv", cwd=tmp_path)
    assert result.code == 1 and result.error.startswith("nosuch://host/film.mgv cannot be read: ")
