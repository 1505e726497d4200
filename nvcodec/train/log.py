"""What a run tells of itself: JSON lines, and beside them TensorBoard's events where that is installed."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

EVENTS = "tensorboard"


class RunLog:
    """Rows of a run, in its folder. `name.jsonl` has one a line, TensorBoard's every number but the step."""

    def __init__(self, folder: Path, step: int) -> None:
        """For a run that is at `step`: what TensorBoard was told of later ones it forgets."""
        self.folder = folder
        self.events: Any = None
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self.events = SummaryWriter(str(folder / EVENTS), purge_step=step + 1)

    def row(self, name: str, row: dict[str, Any], group: str = "") -> None:
        """One line for `name.jsonl`; for TensorBoard `name`, or with a `group` of rows `name/group`."""
        with (self.folder / f"{name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self.events is not None:
            for key, value in row.items():
                if key != "step":
                    self.events.add_scalar("/".join(filter(None, (name, group, key))), value, row["step"])

    def close(self) -> None:
        """Write what is still kept back."""
        if self.events is not None:
            self.events.close()
