"""`nvcodec models`: what networks are here, and of what kind; `add` takes weights in, `remove` lets them go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .failures import reported
from .messages import print_json, print_summary, size_text
from .options import Debug, Json

EXAMPLES = {
    "add": "nvcodec models add mine.safetensors",
    "remove": "nvcodec models remove mine",
}

Weights = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="Weights, as nvcodec export writes them; a card beside them comes along.",
        show_default=False,
    ),
]
Name = Annotated[
    str | None, typer.Option("--name", help="What to call the model. Left out: as the file.", show_default=False)
]
Hash = Annotated[
    str | None,
    typer.Option("--sha256", metavar="HEX", help="The hash it must have, or its beginning.", show_default=False),
]


def models(context: typer.Context, as_json: Json = False, debug: Debug = False) -> None:
    """List the installed models, with the hashes that files name them by; add and remove your own."""
    if context.invoked_subcommand is not None:
        return
    from nvcodec import weights

    installed = weights.installed()
    if as_json:
        print_json([facts_of(model) | {"card": model.card} for model in installed])
        return
    for model in installed:
        print_summary(
            f"{model.name}: {model.kind}, {model.parameters / 1e6:.1f} million parameters, {size_text(model.bytes)}\n"
            f"  sha256 {model.sha256}\n"
            f"  {model.path}"
        )


def add(file: Weights, name: Name = None, sha256: Hash = None, as_json: Json = False, debug: Debug = False) -> None:
    """Copy weights to where every command finds them: --model by name, decoding by the hash in the file.

    They are copied only if they are whole and of a kind this nvcodec knows.
    """
    from nvcodec import weights

    added = weights.add(file, name, sha256)
    if as_json:
        print_json(facts_of(added.model) | {"new": added.new})
    else:
        here = "added" if added.new else "is here already"
        print_summary(f"{added.model.name} {here}: sha256 {added.model.sha256}\n  {added.model.path}")


def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, or its whole hash.", show_default=False)],
    debug: Debug = False,
) -> None:
    """Delete a model that was added. Files that were coded with it can then not be decoded."""
    from nvcodec import weights

    model = weights.remove(name)
    print_summary(f"{model.name} removed: sha256 {model.sha256}")


def facts_of(model: Any) -> dict[str, Any]:
    """An installed model, for programs."""
    return {
        "name": model.name,
        "kind": model.kind,
        "sha256": model.sha256,
        "path": str(model.path),
        "bytes": model.bytes,
        "parameters": model.parameters,
    }


def models_group() -> typer.Typer:
    """`nvcodec models` with its two sub-commands."""
    group = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
    group.callback()(reported(models))
    for command in (add, remove):
        group.command(epilog=f"Example: {EXAMPLES[command.__name__]}")(reported(command))
    return group
