"""Cells of a library that trains in torch, run for 200 steps on one input: spikes, membranes, and gradients of both.

Everything is float64. A case gives, for a current [T, B, N] that carries a gradient, the spikes and the membranes [T, B, N] and
the parameters whose gradient counts. The gradients are those of two losses: the spikes, and the membranes, each weighted by
``cos(0.7*k)`` for their k-th number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

STEPS, BATCH, INPUTS, CELLS = 200, 2, 5, 3


class Seen(NamedTuple):
    """Spikes and membranes of a case, and its parameters by our names."""

    spikes: Tensor
    v: Tensor
    parameters: Mapping[str, Tensor]


class Case(NamedTuple):
    """How strong the input is, and how the library answers it; ``raw`` cases take the input and weights themselves."""

    gain: float
    run: Callable[..., Seen]
    raw: bool = False


def inputs() -> dict[str, np.ndarray]:
    """The input, weights from it, weights among the cells (none to themselves) and a bias, on a grid of 1/256."""
    rng = np.random.default_rng(7)
    weight = rng.normal(0.4, 0.5, (CELLS, INPUTS))
    back = rng.normal(0.0, 0.4, (CELLS, CELLS))
    np.fill_diagonal(back, 0.0)
    drawn = {"x": rng.random((STEPS, BATCH, INPUTS)), "weight": weight, "back": back, "bias": rng.normal(0, 0.1, CELLS)}
    return {n: np.round(a * 256) / 256 for n, a in drawn.items()}


def losses(spikes: Tensor, v: Tensor) -> dict[str, Tensor]:
    """The two losses by the signal that they read."""
    weights = torch.cos(0.7 * torch.arange(spikes.numel(), dtype=torch.float64)).reshape(spikes.shape)
    return {"spikes": (spikes * weights).sum(), "v": (v * weights).sum()}


def record(cases: Mapping[str, Case]) -> dict[str, np.ndarray]:
    """Arrays of all cases, by ``case/name``."""
    given = {n: torch.from_numpy(a) for n, a in inputs().items()}
    out: dict[str, Any] = dict(inputs())
    for name, case in cases.items():
        weight = (case.gain * given["weight"]).requires_grad_()
        seen = case.run(given["x"], weight) if case.raw else case.run(given["x"] @ weight.T)
        spikes, v = seen.spikes.to(torch.float64), seen.v.to(torch.float64)
        out[f"{name}/gain"] = np.array(case.gain)
        out[f"{name}/spikes"] = spikes.detach().numpy().astype(np.uint8)
        out[f"{name}/v"] = v.detach().numpy().astype(np.float32)
        out |= {f"{name}/start/{n}": q.detach().double().numpy() for n, q in seen.parameters.items()}
        learnt = {"weight": weight, **seen.parameters}
        for signal, loss in losses(spikes, v).items():
            if not loss.requires_grad:  # the spikes of a read-out
                continue
            found = torch.autograd.grad(loss, list(learnt.values()), retain_graph=True, allow_unused=True)
            for parameter, gradient in zip(learnt, found, strict=True):
                if gradient is not None:
                    out[f"{name}/grad/{signal}/{parameter}"] = gradient.numpy()
        count = spikes.sum().item()
        print(f"  {name}: {count:.0f} spikes in {spikes.numel()}, |v| up to {v.abs().max().item():.3g}")
    return out


def stepped(step: Callable[[Tensor], tuple[Tensor, Tensor]], current: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes and membranes of a function of one step."""
    pairs = [step(now) for now in current]
    return torch.stack([s for s, _ in pairs]), torch.stack([v for _, v in pairs])
