"""What a run may start from: another run's averaged weights, or a model that was exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from nvcodec.errors import NvcodecError
from nvcodec.prior.attention import SCORE_UNIT
from nvcodec.prior.fixed_point import ACTIVATION_SCALE, WEIGHT_SCALE
from nvcodec.train.checkpoint import AVERAGE
from nvcodec.train.networks import TrainedModel
from nvcodec.weights.catalogue import CODEC, describe
from nvcodec.weights.networks import network_of
from nvcodec.weights.store import read_model, read_weights

# What the integers of a frozen prior stand for, by the last part of a parameter's name.
UNITS = {"weight": WEIGHT_SCALE, "bias": WEIGHT_SCALE * ACTIVATION_SCALE, "position": SCORE_UNIT}


def averaged_weights(checkpoint: Path) -> tuple[dict[str, Tensor], int]:
    """The state of a `JointModel`, averaged over the last steps, and the number of steps, of a run's checkpoint."""
    tensors = load_file(checkpoint)
    average = {key.removeprefix(AVERAGE): value for key, value in tensors.items() if key.startswith(AVERAGE)}
    return average, int(tensors["step"])


def weights_of_model(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state of a model that trains, as the exported one `path` (.safetensors) has it, and what names that.

    A codec's prior's integers become the real numbers they stand for, from which it freezes to the same integers again.
    """
    installed = describe(path)
    origin = {"name": installed.name, "sha256": installed.sha256}
    if installed.kind != CODEC:
        network = network_of(read_weights(path), installed).module
        return {f"tokenizer.{key}": value for key, value in network.state_dict().items()}, origin
    model = read_model(installed)
    state = {f"tokenizer.{key}": value for key, value in model.tokenizer.state_dict().items()}
    parameters = dict(model.prior.named_parameters())
    for key, value in model.prior.state_dict().items():
        real = value.float() / UNITS[key.rpartition(".")[2]] if key in parameters else value
        state[f"prior.{key}"] = real
    return state, origin


def take_weights(model: TrainedModel, state: dict[str, Tensor], origin: Path, stage: str) -> None:
    """Put the `state` that `origin` has learnt into `model`.

    Where the `stage` is a half alone, that half begins anew if it is of another size, such as a larger prior for a
    tokenizer that is there. NvcodecError for any other sizes than the model's.
    """
    alone = len(list(model.children())) == 1  # no other half that it could begin anew beside
    for name, part in model.named_children():
        own = {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}
        if _fits(part, own):
            part.load_state_dict(own)
        elif alone or stage != name:
            raise NvcodecError(f"--start {origin}: its {name} is of another size than the configuration's")


def _fits(part: nn.Module, state: dict[str, Tensor]) -> bool:
    like = part.state_dict()
    return like.keys() == state.keys() and all(state[key].shape == value.shape for key, value in like.items())
