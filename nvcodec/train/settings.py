"""A run's configuration: the defaults of its kind, over them a TOML file, over that single settings."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from nvcodec.errors import NvcodecError
from nvcodec.train.config import TrainConfig
from nvcodec.train.loop import LoopConfig

C = TypeVar("C", bound=LoopConfig)
SHIPPED = Path(__file__).parent / "configs"


def read_settings(path: Path) -> TrainConfig:
    """The configuration of tokenizer and prior in a TOML file, as `settings_over` reads it."""
    return settings_over(TrainConfig(), path)


def settings_over(defaults: C, path: Path) -> C:
    """`defaults` with what a TOML file says: names as in their class, its parts as tables (`[data]`, `[loss]` …).

    A name without a suffix, where no file has it, is that of a configuration that comes with nvcodec.
    """
    if path.name == str(path) and not path.suffix and not path.exists():
        path = shipped(path.name)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NvcodecError(f"{path} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NvcodecError(f"{path} is not TOML: {error}") from error
    return _with_table(defaults, values, f"{path}: ")


def shipped(name: str) -> Path:
    """The file of a configuration that comes with nvcodec. NvcodecError for any other name."""
    names = sorted(path.stem for path in SHIPPED.glob("*.toml"))
    if name not in names:
        raise NvcodecError(f"{name} is no file and none of the configurations {', '.join(names)}")
    return SHIPPED / f"{name}.toml"


def with_setting(config: Any, key: str, text: str) -> Any:
    """`config` with `a.b` set to what `text` says; the value takes the type of the field's default."""
    name, _, rest = key.partition(".")
    old = _old(config, name, f"--set {key}: ")
    if rest and not dataclasses.is_dataclass(old):
        raise NvcodecError(f"--set {key}: {name} has no parts")
    new = with_setting(old, rest, text) if rest else _from_text(old, text, key)
    return dataclasses.replace(config, **{name: new})


def _with_table(config: Any, values: dict[str, Any], where: str) -> Any:
    new: dict[str, Any] = {}
    for name, value in values.items():
        old = _old(config, name, where)
        new[name] = _with_table(old, value, where) if _is_part(old, value) else _of_kind(old, value, f"{where}{name}")
    return dataclasses.replace(config, **new)


def _old(config: Any, name: str, where: str) -> Any:
    if name not in {field.name for field in dataclasses.fields(config)}:
        raise NvcodecError(f"{where}there is no {name!r} in {type(config).__name__}")
    return getattr(config, name)


def _is_part(old: Any, value: Any) -> bool:
    return dataclasses.is_dataclass(old) and isinstance(value, dict)


def _of_kind(old: Any, value: Any, where: str) -> Any:
    """`value`, which TOML has typed, as the type of `old`."""
    if isinstance(old, tuple) and isinstance(value, list) and all(type(item) is type(old[0]) for item in value):
        return tuple(value)
    if isinstance(old, float) and type(value) is int:
        return float(value)
    if type(value) is not type(old):
        raise NvcodecError(f"{where} is {value!r} where the like of {old!r} belongs")
    return value


def _from_text(old: Any, text: str, key: str) -> Any:
    try:
        if isinstance(old, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(old, tuple):
            return tuple(int(number) for number in text.split(","))
        if dataclasses.is_dataclass(old):
            raise ValueError(text)
        return type(old)(text)
    except (KeyError, ValueError) as error:
        raise NvcodecError(f"--set {key}: {text!r} where the like of {old!r} belongs") from error
