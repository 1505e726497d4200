"""How much time the encoder spends on finding levels that are worth their bits; files and decoders know nothing of it.

`docs/rate-distortion.md` tables what some efforts give and take. More passes than one measured worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from nvcodec.errors import NvcodecError

EFFORT_MIN, EFFORT_DEFAULT, EFFORT_MAX = 0, 3, 9


@dataclass(frozen=True)
class EncoderSettings:
    """What an effort stands for.

    `motion_rounds`: of refining motion at full resolution. `passes`: times that the levels of a latent frame are chosen
    anew, now that it is known what those before show (`refinement.py`). `patience`: latent frames after which a size
    of the pictures may be given up, if its cost is `behind` times that of the cheapest.
    """

    motion_rounds: int = 1
    passes: int = 0
    patience: int = 4
    behind: float = 1.1

    @classmethod
    def of(cls, effort: int) -> Self:
        """NvcodecError for an effort outside EFFORT_MIN…EFFORT_MAX."""
        if not EFFORT_MIN <= effort <= EFFORT_MAX:
            raise NvcodecError(f"effort {effort} is not within {EFFORT_MIN} to {EFFORT_MAX}")
        return cls(*_LADDER[effort])


_LADDER: tuple[tuple[int, int, int, float], ...] = (
    (0, 0, 2, 1.05),
    (0, 0, 4, 1.1),
    (1, 0, 2, 1.05),
    (1, 0, 4, 1.1),
    (1, 1, 4, 1.1),
    (2, 1, 4, 1.1),
    (3, 1, 4, 1.1),
    (3, 1, 8, 1.2),
    (4, 1, 8, 1.2),
    (4, 1, 16, 1.5),
)

AS_USUAL = EncoderSettings.of(EFFORT_DEFAULT)
