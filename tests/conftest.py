"""How every test runs: at any pace, and saying which copy of nvcodec it is about."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings

import nvcodec

# A busy machine makes no failure. On CI the examples are the same every time: a failure there is one here.
settings.register_profile("patient", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("patient")


def pytest_report_header() -> str:
    """`pytest` tests the installed copy, `python -m pytest` the checkout (CONTRIBUTING.md, "Tests")."""
    return f"nvcodec: {nvcodec.__version__}, in {Path(nvcodec.__file__).parent}"
