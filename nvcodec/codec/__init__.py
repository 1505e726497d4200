"""The whole way: `encode` makes a `.mgv` file of a video, `decode` a video of a `.mgv` file.

`encode.py` and `decode.py` are mirror images, and so are the two halves of every file they share: `gop.py`
(frames, levels, bits), `headers.py` (media's words and the file's), `parts.py` (packets with the GOP they
belong beside). `access.py` reads a file over its damage and chooses a part, `conceal.py` fills the place of what is
lost. `inspect` reads the planes without the pixels and says where the bits went; `verify_deep` reads
them to see that all are whole.
"""

from .decode import decode
from .deep import DeepReport, verify_deep
from .encode import encode
from .inspect import inspect
from .options import DecodeOptions, EncodeOptions
from .reports import DecodeReport, EncodeReport, PlaneReport, Progress, Watcher

__all__ = [
    "DecodeOptions",
    "DecodeReport",
    "DeepReport",
    "EncodeOptions",
    "EncodeReport",
    "PlaneReport",
    "Progress",
    "Watcher",
    "decode",
    "encode",
    "inspect",
    "verify_deep",
]
