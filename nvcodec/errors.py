"""What can go wrong outside the bitstream, in words for the person who typed the command.

Each message is one line and names the file or option at fault; the command line prints it as it stands.
Faults in a `.mgv` file are `nvcodec.bitstream.BitstreamError` and its kin, which know nothing of this family.
"""

from __future__ import annotations


class NvcodecError(Exception):
    """The family: something is wrong that the caller can understand and put right."""

    exit_code = 1


class ModelMismatch(NvcodecError):
    """The file was coded with a model, or an arithmetic, that is not here."""


class UnsupportedInput(NvcodecError):
    """The input is missing, unreadable or holds nothing that can be coded."""


class OutputExists(NvcodecError):
    """Writing would replace a file, and nobody asked for that."""


class OutputError(NvcodecError):
    """The output cannot be written: no such folder, no room, no permission, or no such format."""
