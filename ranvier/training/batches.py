"""Samples to time-major batches: the one place where the axes of data are turned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, TensorDataset

from ranvier.errors import ShapeError, TrainingError
from ranvier.network import take_lengths

__all__ = ["Batch", "Batches", "key", "moved", "steps_of"]

Tensor = torch.Tensor
#: numbers of a sample that pay for a look-up of its own
_LARGE = 1 << 12
Signal = Tensor | Mapping[str, Tensor]
#: input [T, B, …] and target [B, …] (or several by name, or no target), and the steps of each sample [B] where they differ
Batch = tuple[Signal, Any, Tensor | None]


def key(*parts: object) -> int:
    """A seed that depends on ``parts`` alone."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def steps_of(x: Signal) -> int:
    """Steps of an input [T, B, …]."""
    return (next(iter(x.values())) if isinstance(x, Mapping) else x).shape[0]


def moved(target: Any, device: torch.device) -> Any:
    """A target, or several by name, as tensors on ``device``."""
    return _map(target, lambda part: torch.as_tensor(part).to(device))


class Batches:
    """Batches (x [T, B, …], y [B, …], lengths [B] or None) of a data set, epoch after epoch.

    Parameters
    ----------
    source
        A pair of tensors (x [S, T, …], y [S, …]); a torch ``Dataset`` of samples (x [T, …], y); or a ``DataLoader``
        whose batches are (x [B, T, …], y [B, …]) and which decides on order and size itself. ``x`` may be a mapping by
        input, ``y`` one by task, or left out. Samples of different length are padded to one, and each of the three then has a third part: how many of
        the steps belong to the sample (lengths [S]; one number; lengths [B]).
    batch_size
        Samples per batch; the last one may be smaller.
    seed
        With the epoch, decides the order: the same for the same numbers, whatever else is drawn. None
        keeps the given order.

    Raises
    ------
    TrainingError
        Where there is no sample, or the source is of another kind.
    ShapeError
        Where x and y disagree in number, or samples in shape.
    """

    def __init__(self, source: Any, batch_size: int, seed: int | None, name: str) -> None:
        self.source, self.batch_size, self.seed, self.name = source, batch_size, seed, name
        if type(source) is TensorDataset:  # its tensors are read a batch at a time
            source = self.source = source.tensors
        if _are_parts(source):
            self.source = tuple(_map(part, torch.as_tensor) for part in source)
            self.samples: int | None = _count(self.source, name)
        elif isinstance(source, DataLoader):
            self.samples = len(source.dataset) if hasattr(source.dataset, "__len__") else None  # pyright: ignore
        elif hasattr(source, "__len__") and hasattr(source, "__getitem__"):
            self.samples = len(source)
        else:
            kind = type(source).__name__
            raise TrainingError(
                f"{name} is a {kind}: give (x, y) tensors, a torch Dataset with a length, or a DataLoader."
            )
        if self.samples == 0:
            raise TrainingError(f"{name} is empty: give at least one sample.")

    def __len__(self) -> int:
        """Batches per epoch."""
        if isinstance(self.source, DataLoader):
            return len(self.source)
        return -(-cast(int, self.samples) // self.batch_size)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch."""
        if isinstance(self.source, DataLoader):
            for batch in self.source:
                x = _map(batch[0], _time_first)
                yield x, _second(batch), self._lengths(batch[2], x) if len(batch) > 2 else None
            return
        order = self._order(epoch)
        for first in range(0, len(order), self.batch_size):
            yield self._collate(order[first : first + self.batch_size])

    def first(self) -> Batch:
        """One batch to look at."""
        if isinstance(self.source, DataLoader):
            return next(self.epoch(0))
        return self._collate(torch.arange(min(self.batch_size, cast(int, self.samples))))

    def _order(self, epoch: int) -> Tensor:
        count = cast(int, self.samples)
        if self.seed is None:
            return torch.arange(count)
        return torch.randperm(count, generator=torch.Generator().manual_seed(key(self.seed, epoch, "order")))

    def _collate(self, index: Tensor) -> Batch:
        if isinstance(self.source, tuple):
            x, lengths = self.source[0], self.source[2:]
            chosen = _map(x, lambda part: _chosen(part, index))
            target = _map(_second(self.source), lambda part: part[index])
            return chosen, target, self._lengths(lengths[0][index], chosen) if lengths else None
        samples = [self.source[int(k)] for k in index]
        x = _stack([sample[0] for sample in samples], self.name)
        lengths = torch.tensor([int(sample[2]) for sample in samples]) if len(samples[0]) > 2 else None
        target = _stack_targets([_second(sample) for sample in samples], self.name)
        return x, target, None if lengths is None else self._lengths(lengths, x)

    def _lengths(self, lengths: Any, x: Signal) -> Tensor:
        """Lengths [B] of at least one step, none longer than the input."""
        batch = (next(iter(x.values())) if isinstance(x, Mapping) else x).shape[1]
        taken = take_lengths(lengths, steps_of(x), batch)
        if not bool(taken.all()):
            raise ShapeError(f"{self.name}: a sample has length 0, so there is nothing to learn from it; leave it out.")
        return taken


def _are_parts(source: Any) -> bool:
    """True for (x,), (x, y) or (x, y, lengths), each for the whole data set; y may be None."""
    if not isinstance(source, tuple | list) or len(source) not in (1, 2, 3) or not _is_signal(source[0]):
        return False
    return all(_is_signal(part) or (k == 1 and part is None) for k, part in enumerate(source))


def _count(parts: tuple[Any, ...], name: str) -> int:
    """Samples of a data set given as (x, y, lengths).

    Raises
    ------
    ShapeError
        Where parts disagree.
    """
    x, y, *lengths = (*parts, None) if len(parts) == 1 else parts
    given = x if isinstance(x, Mapping) else {"x": x}
    counts = {n: _rows(part) for n, part in given.items()}
    first, samples = next(iter(counts.items()), ("x", 0))
    for n, count in counts.items():
        if count != samples:
            raise ShapeError(f"{name}: input {first!r} has {samples} samples and {n!r} {count}; give one per sample.")
    for n, part in y.items() if isinstance(y, Mapping) else [("y", y)] if y is not None else []:
        if _rows(part) != samples:
            raise ShapeError(f"{name}: x has {samples} samples and {n} {_rows(part)}; give one target per sample.")
    for part in lengths:
        if _rows(part) != samples:
            raise ShapeError(f"{name}: x has {samples} samples, lengths has {_rows(part)}; give one per sample.")
    return samples


def _second(sample: Any) -> Any:
    """The target of a sample or batch; None where it has none."""
    return sample[1] if len(sample) > 1 else None


def _is_signal(part: Any) -> bool:
    """True for what holds a whole side of a data set, not one sample of it."""
    return isinstance(part, Mapping) or hasattr(part, "__array__")


def _chosen(x: Tensor, index: Tensor) -> Tensor:
    """The samples named, contiguous with time first: large ones are copied once, small ones picked at once."""
    if x.ndim < 2 or not len(index) or x[0].numel() < _LARGE:
        return _time_first(x[index]).contiguous()
    return torch.stack([x[k] for k in index.tolist()], dim=1)


def _time_first(x: Tensor) -> Tensor:
    if x.ndim < 2:
        raise ShapeError(f"a batch of inputs has shape {tuple(x.shape)}; expected [B, T, …], one series per sample.")
    return x.transpose(0, 1)


def _map(x: Any, change: Any) -> Any:
    if x is None:
        return None
    return {n: change(part) for n, part in x.items()} if isinstance(x, Mapping) else change(x)


def _rows(part: Tensor) -> int:
    return part.shape[0] if part.ndim else 0


def _stack_targets(targets: Sequence[Any], name: str) -> Any:
    """The targets of a batch, [B, …], or several by name; None where samples have none."""
    if targets[0] is None:
        return None
    if isinstance(targets[0], Mapping):
        return {n: _stack_targets([target[n] for target in targets], name) for n in targets[0]}
    tensors = [torch.as_tensor(target) for target in targets]
    shapes = {tuple(t.shape) for t in tensors}
    if len(shapes) > 1:
        shown = ", ".join(map(str, sorted(shapes)[:3]))
        raise ShapeError(
            f"{name}: targets of one batch have shapes {shown}; pad those of every step as the input is padded."
        )
    return torch.stack(tensors)


def _stack(samples: Sequence[Any], name: str) -> Signal:
    if isinstance(samples[0], Mapping):
        return {n: cast(Tensor, _stack([sample[n] for sample in samples], name)) for n in samples[0]}
    tensors = [torch.as_tensor(sample) for sample in samples]
    shapes = {tuple(t.shape) for t in tensors}
    if len(shapes) > 1:
        shown = ", ".join(map(str, sorted(shapes)[:3]))
        raise ShapeError(
            f"{name}: samples of one batch have shapes {shown} [T, …]; pad them to one length, and give each sample's own as a third part: (x, y, length)."
        )
    return torch.stack(tensors, dim=1)
