"""What the room lets out."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nvcodec import tokenizer


def test_the_door_and_the_sizes_load_no_torch() -> None:
    code = (
        "import sys, nvcodec.tokenizer as door; door.Magvit2Config.small();"
        "assert 'torch' not in sys.modules; door.Magvit2Tokenizer; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", tokenizer.__all__)
def test_every_name_on_the_door_is_in_the_room(name: str) -> None:
    assert getattr(tokenizer, name).__name__ == name


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tokenizer.nothing  # noqa: B018
