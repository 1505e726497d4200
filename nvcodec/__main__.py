"""`python -m nvcodec`: the same as the command `nvcodec`."""

from __future__ import annotations

from nvcodec.cli.main import run

if __name__ == "__main__":
    run()
