"""What lands in site-packages: `nvcodec`, whole, and nothing else, from the wheel and by an editable install.

Built from a copy of the checkout, so that no stale `build/` folder can hide or add a file. Nothing is loaded
from the network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LITTER = shutil.ignore_patterns(
    ".*", "*.egg-info", "__pycache__", "build", "dist", "runs", "shared", "venv", "env"
)
GENERIC_NAMES = (
    "from importlib.util import find_spec\n"
    "print([name for name in ('cli', 'bitstream', 'benchmarks', 'tests', 'docs') if find_spec(name)])"
)
PLACES = (
    "import nvcodec.cli.main, nvcodec.bitstream, nvcodec.benchmarks\n"
    "for module in (nvcodec, nvcodec.cli.main, nvcodec.bitstream, nvcodec.benchmarks):\n"
    "    print(module.__file__)"
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy of the checkout."""
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("checkout") / "tree", ignore=LITTER))


@pytest.fixture(scope="module")
def settings(checkout: Path) -> dict[str, Any]:
    """The setuptools section of pyproject.toml."""
    return tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the setuptools that is here."""
    folder = tmp_path_factory.mktemp("dist")
    python("-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(checkout), cwd=folder)
    (file,) = folder.iterdir()
    return file


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Every file in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        return {name for name in archive.namelist() if not name.endswith("/")}


def python(*arguments: str, cwd: Path, executable: str = sys.executable, **environment: str) -> str:
    """Standard output of a Python that finds nothing but what is installed, and what `environment` adds."""
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    result = subprocess.run(
        [executable, *arguments],
        cwd=cwd,
        env=inherited | {"PYTHONDONTWRITEBYTECODE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | environment,
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def installed_name(path: Path, checkout: Path, package_dir: dict[str, str]) -> str:
    """Where a file of the checkout lies in the wheel."""
    package = {folder: name for name, folder in package_dir.items()}
    folder, *rest = path.relative_to(checkout).parts
    return "/".join([*package[folder].split("."), *rest])


def test_only_nvcodec_is_in_the_wheel(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"nvcodec", next(top for top in tops if top.endswith(".dist-info"))}


def test_the_wheel_is_pure_python_for_every_platform(wheel: Path, names: set[str]) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        (about,) = (name for name in names if name.endswith(".dist-info/WHEEL"))
        assert "Root-Is-Purelib: true" in archive.read(about).decode().splitlines()
    assert not [name for name in names if name.endswith((".so", ".pyd", ".dylib", ".dll"))]


def test_every_folder_with_python_files_is_a_package_that_is_installed(
    checkout: Path, settings: dict[str, Any]
) -> None:
    tops = settings["package-dir"]
    found = {
        installed_name(path.parent, checkout, tops).replace("/", ".")
        for folder in tops.values()
        for path in (checkout / folder).rglob("*.py")
    }
    assert found == set(settings["packages"])


def test_every_module_of_the_checkout_is_in_the_wheel(
    checkout: Path, settings: dict[str, Any], names: set[str]
) -> None:
    tops = settings["package-dir"]
    modules = {
        installed_name(path, checkout, tops)
        for folder in tops.values()
        for path in (checkout / folder).rglob("*.py")
    }
    assert modules == {name for name in names if name.endswith(".py")}


def test_the_wheel_holds_the_weights_the_demo_clip_the_specification_and_the_licences(
    checkout: Path, wheel: Path, names: set[str]
) -> None:
    weights = sorted((checkout / "nvcodec" / "weights").rglob("*.safetensors"))
    assert weights, "a package without weights can neither encode nor decode"
    assert all(file.with_suffix(".json").is_file() for file in weights), "weights without their model card"
    files = [
        *weights,
        *(file.with_suffix(".json") for file in weights),
        checkout / "nvcodec" / "py.typed",
        checkout / "nvcodec" / "assets" / "demo.mp4",
        checkout / "nvcodec" / "assets" / "NOTICE",
        checkout / "bitstream" / "SPEC.md",
    ]
    with zipfile.ZipFile(wheel) as archive:
        for file in files:
            name = installed_name(file, checkout, {"nvcodec": "nvcodec", "nvcodec.bitstream": "bitstream"})
            assert archive.read(name) == file.read_bytes()
    assert {Path(name).name for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}


def test_an_installed_wheel_runs_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    target, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target), str(wheel))
    python(*pip, cwd=elsewhere)
    assert {path.name for path in target.iterdir() if not path.name.endswith(".dist-info")} - {"bin"} == {
        "nvcodec"
    }
    assert python("-S", "-c", GENERIC_NAMES, cwd=elsewhere, PYTHONPATH=str(target)) == "[]\n"
    files = python("-c", PLACES, cwd=elsewhere, PYTHONPATH=str(target)).splitlines()
    assert len(files) == 4 and all(Path(file).is_relative_to(target) for file in files)
    version = python("-m", "nvcodec", "--version", cwd=elsewhere, PYTHONPATH=str(target))
    assert version == f"nvcodec {wheel.name.split('-')[1]}\n"


def test_an_editable_install_gives_nvcodec_alone_too(checkout: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    scheme = {"base": str(tmp_path / "venv"), "platbase": str(tmp_path / "venv")}
    scripts = Path(sysconfig.get_path("scripts", "venv", scheme))
    interpreter = str(scripts / ("python.exe" if os.name == "nt" else "python"))
    # setuptools is the one thing borrowed from here, and only while pip runs.
    tools = sysconfig.get_path("purelib")
    pip = ("-m", "pip", "--python", interpreter, "install", "--quiet", "--no-deps", "--no-index")
    editable = ("--ignore-installed", "--no-build-isolation", "-e", str(checkout))
    python(*pip, *editable, cwd=tmp_path, PYTHONPATH=tools)
    assert python("-c", GENERIC_NAMES, cwd=tmp_path, executable=interpreter) == "[]\n"
    # Found first without, then with what it depends on, among which another nvcodec may be.
    code = f"import nvcodec, sys; sys.path.append({tools!r})\n{PLACES}"
    files = python("-c", code, cwd=tmp_path, executable=interpreter).splitlines()
    assert [Path(file).relative_to(checkout).as_posix() for file in files] == [
        "nvcodec/__init__.py",
        "cli/main.py",
        "bitstream/__init__.py",
        "benchmarks/__init__.py",
    ]
