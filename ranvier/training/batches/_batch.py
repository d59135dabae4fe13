"""What a batch is, and how samples become one: the one place where the axes of data are turned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.network import take_lengths

__all__ = [
    "Batch", "Signal", "key", "lengths_of_batch", "mapped", "moved", "parts_of", "second", "sizes_of", "stacked", "steps_of",
    "taken", "time_first",
]  # fmt: skip

Tensor = torch.Tensor
Signal = Tensor | Mapping[str, Tensor]
#: input [T, B, …] and target [B, …] (or several by name, or no target), and the steps of each sample [B] where they differ
Batch = tuple[Signal, Any, Tensor | None]


def key(*parts: object) -> int:
    """A seed that depends on ``parts`` alone."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def steps_of(x: Signal) -> int:
    """Steps of an input [T, B, …]."""
    return _any_of(x).shape[0]


def sizes_of(x: Signal) -> tuple[int, int]:
    """Steps and samples of an input [T, B, …]."""
    first = _any_of(x)
    return first.shape[0], first.shape[1]


def parts_of(x: Any, name: str) -> Mapping[str, Any]:
    """The parts of a signal or target by name: one alone has the name ``name``, None has no part."""
    if x is None:
        return {}
    return x if isinstance(x, Mapping) else {name: x}


def moved(target: Any, device: torch.device) -> Any:
    """A target, or several by name, as tensors on ``device``."""
    return mapped(target, lambda part: torch.as_tensor(part).to(device))


def mapped(x: Any, change: Callable[[Any], Any]) -> Any:
    """``change`` of a signal, or of each of several by name; None stays."""
    if x is None:
        return None
    return {n: change(part) for n, part in x.items()} if isinstance(x, Mapping) else change(x)


def second(sample: Any) -> Any:
    """The target of a sample or batch; None where it has none."""
    return sample[1] if len(sample) > 1 else None


def time_first(x: Any) -> Tensor:
    """[B, T, …] as [T, B, …]."""
    x = torch.as_tensor(x)
    if x.ndim < 2:
        raise ShapeError(f"a batch of inputs has shape {tuple(x.shape)}; expected [B, T, …], one series per sample.")
    return x.transpose(0, 1)


def taken(batch: Any, name: str) -> Batch:
    """A batch (x [B, T, …], y [B, …]), also with lengths [B], as it is learnt from.

    Raises
    ------
    TrainingError
        Where it is something else.
    """
    if not isinstance(batch, tuple | list) or not 1 <= len(batch) <= 3:
        kind = type(batch).__name__
        raise TrainingError(f"{name} gave a {kind} as a batch: give (x [B, T, …], y [B, …]), or (x, y, lengths).")
    x = mapped(batch[0], time_first)
    target = mapped(second(batch), torch.as_tensor)
    _, count = sizes_of(x)
    for n, part in parts_of(target, "y").items():
        if part.ndim and part.shape[0] != count:
            raise ShapeError(
                f"{name}: a batch has {count} samples of x and {part.shape[0]} of {n}; give one target per sample."
            )
    return x, target, lengths_of_batch(batch[2], x, name) if len(batch) > 2 else None


def stacked(samples: Sequence[Any], name: str) -> Batch:
    """The batch of samples (x [T, …], y), also with a number of steps.

    Raises
    ------
    TrainingError
        Where a sample is something else.
    """
    odd = [type(sample).__name__ for sample in samples if not isinstance(sample, tuple | list)]
    if odd:
        raise TrainingError(
            f"{name} has a sample of type {odd[0]}: give (x [T, …], y), or (x, y, length). A list holds samples; batches come "
            f"from an iterator, or from a function of the epoch."
        )
    x = _inputs([sample[0] for sample in samples], name)
    lengths = torch.tensor([int(sample[2]) for sample in samples]) if len(samples[0]) > 2 else None
    target = _targets([second(sample) for sample in samples], name)
    return x, target, None if lengths is None else lengths_of_batch(lengths, x, name)


def lengths_of_batch(lengths: Any, x: Signal, name: str) -> Tensor:
    """Lengths [B] of at least one step, none longer than the input."""
    found = take_lengths(lengths, *sizes_of(x))
    if not bool(found.all()):
        raise ShapeError(f"{name}: a sample has length 0, so there is nothing to learn from it; leave it out.")
    return found


def _any_of(x: Signal) -> Tensor:
    return next(iter(x.values())) if isinstance(x, Mapping) else x


def _inputs(samples: Sequence[Any], name: str) -> Signal:
    if isinstance(samples[0], Mapping):
        return {n: cast(Tensor, _inputs([sample[n] for sample in samples], name)) for n in samples[0]}
    tensors = [torch.as_tensor(sample) for sample in samples]
    shapes = {tuple(t.shape) for t in tensors}
    if len(shapes) > 1:
        shown = ", ".join(map(str, sorted(shapes)[:3]))
        raise ShapeError(
            f"{name}: samples of one batch have shapes {shown} [T, …]; pad them to one length, and give each sample's own as "
            f"a third part: (x, y, length)."
        )
    return torch.stack(tensors, dim=1)


def _targets(targets: Sequence[Any], name: str) -> Any:
    if targets[0] is None:
        return None
    if isinstance(targets[0], Mapping):
        return {n: _targets([target[n] for target in targets], name) for n in targets[0]}
    tensors = [torch.as_tensor(target) for target in targets]
    shapes = {tuple(t.shape) for t in tensors}
    if len(shapes) > 1:
        shown = ", ".join(map(str, sorted(shapes)[:3]))
        raise ShapeError(
            f"{name}: targets of one batch have shapes {shown}; pad those of every step as the input is padded."
        )
    return torch.stack(tensors)
