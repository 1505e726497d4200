"""Clips prepared once for all tests that learn from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvcodec.train.prepare import prepare

CLIPS = Path(__file__).parents[1] / "clips"


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Both clips, at every height."""
    return prepare([CLIPS], tmp_path_factory.mktemp("data"))
