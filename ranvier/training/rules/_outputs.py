"""The error at the inputs of the output cells, over a whole series."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ranvier.errors import TrainingError
from ranvier.kernels.tasks import Scan
from ranvier.network import Network
from ranvier.network.run.windows import Window, part_of, streams_of
from ranvier.training._buffers import same_buffers
from ranvier.training._criterion import lengths_of
from ranvier.training.rules._criterion import Criterion
from ranvier.training.rules._rule import Outcome
from ranvier.training.rules._windows import Tally, one
from ranvier.training.rules.series import Block, Series

__all__ = ["OutputErrors"]

Tensor = torch.Tensor
#: error [B, …] by (output population, stream) for the steps of a block
Errors = dict[tuple[str, str], Tensor]


class OutputErrors:
    """dL/dy[t] for what arrives at every output cell: exact for any loss and any output cell.

    One pass without gradient keeps y [T, B, C]; the output cells alone are then run again over all steps with their
    gradient. ``series`` is to be run for the rest of the gradient. What is kept of a step is its error until its block
    is done with, and its output from then on: memory that grows with the series is that of the output alone.
    """

    def __init__(self, net: Network, make: Callable[[], Series], criterion: Criterion) -> None:
        _refuse(net)
        generator = torch.get_rng_state()
        with torch.no_grad(), same_buffers(net):
            first = make()
            tally, arrived = Tally(first.steps, lengths_of(criterion)), _Arrived()
            for block in first.blocks():
                tally.count(block)
                arrived.add(block, first)
                del block
            del first
        torch.set_rng_state(generator)
        self.series = series = make()
        leaves = {key: y.requires_grad_() for key, y in arrived.streams.items()}
        out: dict[str, Tensor] = {}
        for n in net.outputs:
            streams = {stream: leaf for (owner, stream), leaf in leaves.items() if owner == n}
            out[n] = _emit(series, n, streams)
        loss = criterion(one(out))
        loss.backward()
        self._errors = {key: leaf.grad for key, leaf in leaves.items() if leaf.grad is not None}
        self._tally, self._loss = tally, loss.detach()

    def of(self, block: Block, later: int = 0) -> Errors:
        """The errors of the steps of a block, and of ``later`` steps after it; beyond the series there are none."""
        first, count = block.first, block.count + later
        found = {key: g[first : first + count] for key, g in self._errors.items()}
        return {
            k: g if len(g) == count else torch.cat([g, g.new_zeros(count - len(g), *g.shape[1:])])
            for k, g in found.items()
        }

    def done(self, block: Block) -> None:
        """Let the outputs of a block take the place of its errors."""
        for n, o in block.outputs.items():
            own = [g for (owner, _), g in self._errors.items() if owner == n]
            if n not in self._tally.out and len(own) == 1 and own[0].shape[1:] == o.shape[1:]:
                self._tally.out[n] = own[0]
        self._tally.keep(block)

    @property
    def outcome(self) -> Outcome:
        """The record of the series, when all blocks are done."""
        return self._tally.outcome(self._loss)

    def pairs(self, block: Block) -> list[tuple[Tensor, Tensor]]:
        """What arrives at the outputs, with its error: the gradient of the weights onto them."""
        out = []
        for (n, stream), error in self.of(block).items():
            y = block.window.streams[n][0][stream]
            if y.requires_grad:
                out.append((y, error.sum_to_size(y.shape)))
        return out


class _Arrived:
    """What arrives at the output cells, [T, B, …] by (population, stream)."""

    def __init__(self) -> None:
        self.streams: dict[tuple[str, str], Tensor] = {}

    def add(self, block: Block, series: Series) -> None:
        """Keep that of a block."""
        for n in series.net.outputs:
            for stream, y in block.window.streams[n][0].items():
                if (n, stream) not in self.streams:
                    self.streams[n, stream] = y.new_empty(series.steps, *y.shape[1:])
                self.streams[n, stream][block.first : block.first + block.count] = y


def _emit(series: Series, name: str, streams: dict[str, Tensor]) -> Tensor:
    """The emission of an output population over all steps, differentiable in what arrives."""
    runner = series.runner
    cells = runner.cells[name]
    wanted = cells.step.output_of(series.emit[name])
    start = series.start.variables[name]
    shape = (series.batch, *series.shapes[name])
    window = Window({}, series.steps, series.start)
    full = streams_of(cells, {}, series.steps, shape, window) | streams
    task = Scan(cells.step, series.steps, shape, series.net.dtype, full, start, cells.coefficients, (wanted,))
    return part_of(runner.plan, name)(task).emitted[wanted]


def _refuse(net: Network) -> None:
    for n in net.outputs:
        if n not in net.populations:
            raise TrainingError(
                f"EProp needs output cells, but {n!r} is a relay: end the network with rv.LeakyReadout."
            )
        onward = next((p for p in net.projections.values() if p.pre == n), None)
        if onward is not None:
            raise TrainingError(
                f"EProp broadcasts errors from outputs, but output {n!r} projects on through {onward.name!r}: read it out "
                f"by a population of its own."
            )
