"""The streams that the step of a population reads: arrivals, noise and the time itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from ranvier.errors import ShapeError
from ranvier.kernels import eager
from ranvier.network.run._noise import noise_block, noise_key
from ranvier.units.steps import times_at

if TYPE_CHECKING:
    from ranvier.network.run.cells import Cells
    from ranvier.network.run.window import Window

__all__ = ["noise_key", "streams_of"]

Tensor = torch.Tensor


def streams_of(
    cells: Cells, ports: Mapping[str, Tensor], count: int, shape: tuple[int, ...], window: Window, first: int = 0,
    steady: bool = False, silent: bool = True, noisy: bool = True,
) -> dict[str, Tensor]:  # fmt: skip
    """The streams of ``count`` steps from step ``first`` of a window, for what arrives at ``ports``.

    Those that are the same at all steps are one row: what never arrives, which is left out unless ``silent``, and with
    ``steady`` steady arrivals. Noise is left out unless ``noisy``.
    """
    graph, step = cells.graph, cells.step
    out: dict[str, Tensor] = {}
    arriving = {step.stream_of(port): port for port in ports}
    start, clock, noises = window.start + first, step.clock.outputs, step.system.noises
    for stream in step.streams:
        if stream in arriving:
            port = arriving[stream]
            x = ports[port]
            rows = 1 if steady and (x.ndim <= len(shape) or x.shape[0] == 1) else count
            try:
                out[stream] = x.to(graph.dtype).expand(rows, *shape)
            except RuntimeError:
                raise ShapeError(
                    f"what arrives at {cells.name}.{port} has shape {tuple(x.shape)} [T, B, …], but the population holds "
                    f"{shape} [B, …]."
                ) from None
        elif stream in noises:
            if noisy:
                drawn = noise_block(noise_key(graph.seed, cells.name, stream, window.state.stream), start, count, shape)
                out[stream] = drawn.to(graph.device, graph.dtype)
        elif silent and stream not in clock:
            out[stream] = torch.zeros((1,) * (len(shape) + 1), dtype=graph.dtype, device=graph.device)
    return out | _timed(cells, start, count, len(shape)) if clock else out


def _timed(cells: Cells, start: int, count: int, rank: int) -> dict[str, Tensor]:
    """The streams that the time decides, over steps from ``start``."""
    graph = cells.graph
    times = torch.from_numpy(times_at(np.arange(start, start + count), graph.dt)).to(graph.device)
    made = eager.clock(cells.step, cells.coefficients, times, rank)
    return {n: x if n in cells.step.exact else x.to(graph.dtype) for n, x in made.items()}
