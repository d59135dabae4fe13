"""Which source of batches a data set is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from ranvier.errors import TrainingError
from ranvier.training.batches._limited import Limited
from ranvier.training.batches._loader import Loader
from ranvier.training.batches._samples import Samples, Tensors, are_parts, is_signal
from ranvier.training.batches._source import Source
from ranvier.training.batches._stream import Blocks, Once, Stream

__all__ = ["fits_batches", "open_batches"]


def open_batches(source: Any, batch_size: int, seed: int | None, name: str, limit: int | None = None) -> Source:
    """The batches of ``source``, epoch after epoch.

    Parameters
    ----------
    source
        Tensors (x [S, T, …], y [S, …]); a torch ``Dataset`` of samples (x [T, …], y); or a ``DataLoader`` of batches
        (x [B, T, …], y [B, …]), which decides on order and size itself. Streams are an ``IterableDataset`` of samples, an
        iterable of batches, and a function that gives the batches of epoch 1, 2, … ``x`` may be a mapping by input, ``y``
        one by task, or left out. Samples of different length are padded to one, and each of these then has a
        third part: how many of the steps belong to the sample (lengths [S]; one number; lengths [B]).
    batch_size
        Samples per batch; the last one may be smaller.
    seed
        With the epoch, decides the order: the same for the same numbers, whatever else is drawn. None keeps the given order.
    limit
        Batches that make an epoch, over the borders of passes; None for a whole pass.

    Raises
    ------
    TrainingError
        Where there is no sample, or the source is of another kind.
    ShapeError
        Where x and y disagree in number, or samples in shape.
    """
    opened = _open(source, batch_size, seed, name)
    return opened if limit is None else Limited(opened, limit, seed)


def _open(source: Any, batch_size: int, seed: int | None, name: str) -> Source:
    if type(source) is TensorDataset:  # its tensors are read a batch at a time
        source = source.tensors
    if isinstance(source, str | bytes):
        raise _unknown(source, name)
    if is_signal(source):
        raise TrainingError(
            f"{name} is one {type(source).__name__}: give a pair, (x, y), or (x,) where there are no targets, as in "
            f"rv.train(net, (x, y), (x_valid, y_valid))."
        )
    if are_parts(source):
        return Tensors(source, batch_size, seed, name)
    if isinstance(source, DataLoader):
        return Loader(source, name)
    if isinstance(source, Iterator):
        return Once(source, name)
    if isinstance(source, IterableDataset):
        return Stream(source, batch_size, name)
    if hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        return Samples(source, batch_size, seed, name)
    if isinstance(source, Iterable):
        return Stream(source, batch_size, name)
    if callable(source):
        return Blocks(cast(Callable[[int], Iterable[Any]], source), name)
    raise _unknown(source, name)


def fits_batches(source: Any, name: str) -> str:
    """What to write if a list, whose entries are read as samples, holds batches; empty where it cannot."""
    first = source[0] if isinstance(source, tuple | list) and source else None
    if not isinstance(first, tuple | list) or len(first) < 2:
        return ""
    x, y = (next(iter(part.values()), None) if isinstance(part, Mapping) else part for part in first[:2])
    if x is None or y is None:
        return ""
    x, y = np.shape(x), np.shape(y)
    if len(x) < 3 or not y or x[0] != y[0]:
        return ""
    return f" If the list holds batches (x [B, T, …], y [B, …]), give a function of the epoch: {name}=lambda epoch: batches."


def _unknown(source: Any, name: str) -> TrainingError:
    return TrainingError(
        f"{name} is a {type(source).__name__}: give (x, y) tensors, a torch Dataset, a DataLoader, an iterable of batches, or "
        f"a function of the epoch that gives them."
    )
