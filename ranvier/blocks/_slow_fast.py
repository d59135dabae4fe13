"""A slow ordinary network that sets the state of a fast spiking network."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from ranvier.blocks._parts import check_sizes
from ranvier.errors import ShapeError
from ranvier.network import Network, State

__all__ = ["SlowFast"]

Tensor = torch.Tensor


class SlowFast(nn.Module):
    """An ordinary network sees one frame every n steps and sets the state from which a spiking network processes events.

        state = start(slow(frame)),   out[t] = fast(events[t], state)   for n steps, then the next frame

    ``start`` is a learnt linear map into the variable of each population in ``sets``; other variables start as in any call. The fast
    network gives an output in every step, and keeps nothing from before the last frame. All windows of n steps are one batch, so that training and
    evaluation of recordings take one call. In a stream, write ``state = hybrid.start(frame)`` at each frame and
    ``out, state = hybrid.fast(x, state)`` at each step.

    Parameters
    ----------
    slow
        Frames [B, …] -> features [B, F]: any module of torch.
    fast
        A network with one input and one output.
    features
        F.
    every
        n, the number of steps from frame to frame.
    shape
        Shape of the events of one sample in a step, needed where the first part of ``fast`` does not determine it.
    sets
        Names of populations, such as ``["lif1", "readout1"]``; their sizes must be known. None: all populations with the variable.
    variable
        The variable that is set.

    Raises
    ------
    ShapeError
        Where a number is not positive, ``fast`` has several inputs or outputs, a population is unknown or has no such variable, or
        features, frames and events do not fit.

    Source: Aydin, Gehrig, Gehrig & Scaramuzza, CVPR Workshops 2024 (hybrid ANN-SNN architecture).

    >>> slow = nn.Sequential(nn.Flatten(), nn.Linear(256, 16), nn.ReLU())
    >>> fast = rv.Sequential(nn.Flatten(), rv.Linear(512, 32), rv.LIF(32), rv.Linear(32, 2), rv.LeakyReadout(2), dt=5*ms)
    >>> hybrid = rv.blocks.SlowFast(slow, fast, features=16, every=10, shape=(2, 16, 16))
    >>> hybrid(torch.rand(3, 4, 1, 16, 16), torch.rand(30, 4, 2, 16, 16).round()).shape  # three frames, thirty steps
    torch.Size([30, 4, 2])
    """

    def __init__(
        self, slow: nn.Module, fast: Network, *, features: int, every: int, shape: tuple[int, ...] | None = None,
        sets: Sequence[str] | None = None, variable: str = "v",
    ) -> None:  # fmt: skip
        super().__init__()
        check_sizes("SlowFast", features=features, every=every)
        if not isinstance(fast, Network) or len(fast.inputs) != 1 or len(fast.outputs) != 1:
            raise ShapeError(
                "SlowFast: fast must be a network with one input and one output, such as rv.Sequential(…)."
            )
        sets = [sets] if isinstance(sets, str) else sets
        self._shapes = None if shape is None else dict.fromkeys(fast.inputs, shape)
        held = {
            n: v[variable] for n, v in fast.initial_state(1, shapes=self._shapes).variables.items() if variable in v
        }
        if not (held if sets is None else sets):
            raise ShapeError(
                f"SlowFast would set no state: sets={sets!r}; populations with a variable {variable!r}: {', '.join(held) or 'none'}."
            )
        for name in held if sets is None else sets:
            if name not in held:
                raise ShapeError(
                    f"SlowFast: sets={name!r} is not a population with a variable {variable!r}: choose from {', '.join(held) or 'none'}."
                )
        self.slow, self.fast, self.features, self.every, self.variable = slow, fast, features, every, variable
        self.sets = {name: tuple(held[name].shape[1:]) for name in (held if sets is None else sets)}
        self.maps = nn.ModuleList(nn.Linear(features, math.prod(size)) for size in self.sets.values())

    def start(self, frames: Tensor) -> State:
        """The state that ``frames`` [B, …] set, from which ``fast`` goes on."""
        features, expected = self.slow(frames), self.features
        if features.ndim != 2 or features.shape[1] != expected:
            raise ShapeError(
                f"SlowFast: slow gives features of shape {tuple(features.shape)}, expected [B, {expected}], as features={expected} says."
            )
        state = self.fast.initial_state(len(frames), shapes=self._shapes)
        told = {
            f"variables/{name}/{self.variable}": of(features).unflatten(1, size)
            for (name, size), of in zip(self.sets.items(), self.maps, strict=True)
        }
        return state.with_tensors({**state.tensors(), **told})

    def forward(self, frames: Tensor, events: Tensor) -> Tensor:
        """Frames [T/n, B, …] and events [T, B, …] -> outputs of ``fast`` [T, B, …]; frame k is seen before step k*n."""
        if frames.ndim < 3 or events.ndim < 3:
            raise ShapeError(
                f"SlowFast takes frames [T/n, B, …] and events [T, B, …], got {tuple(frames.shape)} and {tuple(events.shape)}."
            )
        windows, batch = frames.shape[:2]
        if events.shape[0] != windows * self.every or events.shape[1] != batch:
            raise ShapeError(
                f"SlowFast: {windows} frames of {batch} samples go with {windows * self.every} steps of {batch} samples "
                f"(every={self.every}), got events {tuple(events.shape)}."
            )
        side_by_side = events.unflatten(0, (windows, self.every)).transpose(0, 1).flatten(1, 2)
        out, _ = self.fast(side_by_side, self.start(frames.flatten(0, 1)))
        return out.unflatten(1, (windows, batch)).transpose(0, 1).flatten(0, 1)
