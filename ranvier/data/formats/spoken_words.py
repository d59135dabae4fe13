"""Recordings of spoken digits whose names say what is said and by whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ranvier.data._errors import DataError
from ranvier.errors import FileFormatError

__all__ = ["named_words"]


def named_words(folder: Path) -> tuple[list[Path], np.ndarray, np.ndarray]:
    """Files, digits and speakers of all ``folder/digit_speaker_take.wav``.

    Raises
    ------
    DataError
        Where there is none.
    FileFormatError
        Where a file of sound is named otherwise.
    """
    paths = sorted(folder.glob("*.wav"))
    if not paths:
        raise DataError(f"{folder} holds no files named digit_speaker_take.wav, such as 7_anna_0.wav.")
    parts = [path.stem.split("_") for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if len(part) != 3 or part[0] not in tuple("0123456789") or not part[1]:
            raise FileFormatError(f"{path} is not named digit_speaker_take.wav: rename it, or take it out.")
    return paths, np.array([int(p[0]) for p in parts]), np.array([p[1] for p in parts])
