"""Columns of a set's file, checked before they serve as indices."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ranvier.errors import FileFormatError

__all__ = ["checked_labels", "checked_offsets", "checked_whole"]


def checked_whole(values: np.ndarray, path: Path) -> np.ndarray:
    """A list of whole numbers."""
    if values.ndim != 1 or values.dtype.kind not in "biu":
        raise FileFormatError(
            f"{path} holds {values.dtype} of shape {values.shape} instead of a list of whole numbers: fetch it again."
        )
    return values


def checked_labels(values: np.ndarray, classes: int, path: Path) -> np.ndarray:
    """Numbers of classes [S] as int64."""
    labels = checked_whole(values, path).astype(np.int64)
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise FileFormatError(
            f"{path} holds labels from {labels.min()} to {labels.max()}, there are {classes} classes: fetch it again."
        )
    return labels


def checked_offsets(values: np.ndarray, samples: int, entries: int, path: Path) -> np.ndarray:
    """Where each sample begins, and at the end where the last one ends [S + 1]."""
    offsets = checked_whole(values, path).astype(np.int64)
    if len(offsets) != samples + 1 or offsets[0] != 0 or offsets[-1] != entries or (np.diff(offsets) < 0).any():
        raise FileFormatError(
            f"{path} holds offsets that do not divide its {entries} entries into {samples} samples: fetch it again."
        )
    return offsets
