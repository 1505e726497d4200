"""Labelled clips: sets as their owners store them, read as training reads clips, and one that a command makes.

`labelled.py` recognises a set by its folders, `reading.py` decodes one clip of it, `moving.py` makes the moving set.
Nothing here needs torch.
"""

from .labelled import LabelledClip, LabelledSet, open_labelled
from .reading import read_clip

__all__ = ["LabelledClip", "LabelledSet", "open_labelled", "read_clip"]
