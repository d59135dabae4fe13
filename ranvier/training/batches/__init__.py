"""Data of a training as time-major batches."""

from ranvier.training.batches._batch import Batch, Signal, key, moved, parts_of, sizes_of, steps_of
from ranvier.training.batches._open import fits_batches, open_batches
from ranvier.training.batches._samples import is_signal
from ranvier.training.batches._source import Source

__all__ = [
    "Batch",
    "Signal",
    "Source",
    "fits_batches",
    "is_signal",
    "key",
    "moved",
    "open_batches",
    "parts_of",
    "sizes_of",
    "steps_of",
]
