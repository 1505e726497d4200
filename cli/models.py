"""`nvcodec models`: what can code and decode here."""

from __future__ import annotations

from .messages import print_json, print_summary, size_text
from .options import Debug, Json


def models(as_json: Json = False, debug: Debug = False) -> None:
    """List the installed models, with the hashes that files name them by."""
    from nvcodec import weights

    installed = weights.installed()
    if as_json:
        print_json(
            [
                {
                    "name": model.name,
                    "sha256": model.sha256,
                    "path": str(model.path),
                    "bytes": model.bytes,
                    "parameters": model.parameters,
                    "card": model.card,
                }
                for model in installed
            ]
        )
        return
    for model in installed:
        print_summary(
            f"{model.name}: {model.parameters / 1e6:.1f} million parameters, {size_text(model.bytes)}\n"
            f"  sha256 {model.sha256}\n"
            f"  {model.path}"
        )
