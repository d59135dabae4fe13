"""A series in windows: the state goes on from one to the next, the graph does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from ranvier.dynamics import Cuts
from ranvier.network import Network, State, silence_after
from ranvier.network.run.windows import Again, Runner, Window, plan_call, take_inputs
from ranvier.network.shapes import shapes_from
from ranvier.training._signals import emissions, spiking
from ranvier.training.batches import Signal

__all__ = ["Block", "Series"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Block:
    """Steps [first, first + count) after they have been run, with those before that their errors can go back to.

    ``start`` is the state before the first step that was run. ``window`` holds the ``moved`` steps after it, which lead to the start
    of the next block; without delays behind cells that learn these are the block's own. ``recorded``, ``outputs`` and
    ``hidden[population][variable]`` [K, B, …], the further variables that were asked for, are those of the block.
    """

    first: int
    count: int
    start: State
    window: Window
    moved: int
    recorded: Mapping[tuple[str, str], Tensor]
    outputs: Mapping[str, Tensor]
    hidden: Mapping[str, Mapping[str, Tensor]]

    def spikes(self, name: str, lengths: Tensor | None = None) -> Tensor:
        """Spikes of a population, summed over time and batch; of the series, the first ``lengths`` [B] steps count."""
        found = self.recorded[name, "spikes"].detach()
        if lengths is not None:
            found = silence_after(found, (lengths - self.first).clamp(0, self.count))
        return found.sum((0, 1))


class Series:
    """A batch ``x`` [T, B, …] through a network, in windows of ``size`` steps, from a fresh state.

    Parameters
    ----------
    leaves
        Let the state at the start of every window, and learnt coefficients for every cell and sample, collect a gradient.
    attached
        Let the gradient reach the initial values.
    record
        Further variables to keep of every window, by population.
    back
        Steps before each window that are run once more, with their graph, so that its errors reach spikes fired then.
    sample
        The number of the one sample that is run, as it is in the whole batch; None for all.
    stream
        Of random numbers; None for a new one.
    """

    def __init__(
        self, net: Network, x: Signal, size: int, cuts: Cuts, *, leaves: bool = False, attached: bool = False,
        record: Mapping[str, Sequence[str]] | None = None, back: int = 0, sample: int | None = None, stream: int | None = None,
    ) -> None:  # fmt: skip
        self.net, self.size, self.leaves, self.record, self.back = net, size, leaves, record or {}, back
        self.inputs, self.steps, everyone = take_inputs(net.graph, x)
        self.samples = slice(None) if sample is None else slice(sample, sample + 1)
        self.shapes = shapes_from(net.graph, self.inputs)
        self.emit, self.fire = emissions(net), spiking(net)
        wanted: dict[str, tuple[str, ...]] = {n: ("spikes",) for n in self.fire}
        for name, names in (*((n, (e,)) for n, e in self.emit.items()), *self.record.items()):
            wanted[name] = tuple(dict.fromkeys((*wanted.get(name, ()), *names)))
        start = net.initial_state(everyone, stream=stream, shapes=self.shapes)
        self.everyone, self.batch, self.cuts = everyone, everyone if sample is None else 1, cuts
        if sample is not None:
            start = start.sample(sample)
            self.inputs = {n: v[:, self.samples] for n, v in self.inputs.items()}
        repeated = cuts.joined and not leaves and not attached and not back
        how = {"window": size, "cuts": cuts, "series": repeated}
        plan = plan_call(net.graph, self.inputs, start, True, self.steps, self.batch, **how)
        self.runner = Runner(net.graph, plan, wanted, again=Again() if repeated else None)
        self.made = {n: cells.coefficients for n, cells in self.runner.cells.items()}
        for n, cells in self.runner.cells.items():
            cells.coefficients = {c: self._leaf(n, t) for c, t in self.made[n].items()}
        self.start = start if attached else start.detach()

    def _leaf(self, name: str, made: Tensor) -> Tensor:
        leaf = made.detach()
        if self.leaves and made.requires_grad:
            leaf = leaf.expand(self.batch, *self.shapes[name]).clone()
        return leaf.requires_grad_(made.requires_grad)

    @property
    def one_operation(self) -> bool:
        """Whether all cells run together, so that steps without a gradient cost nothing on the way back."""
        together = self.runner.plan.together
        return self.runner.again is not None and len(together) == 1 and set(together[0]) == set(self.net.populations)

    def blocks(self) -> Iterator[Block]:
        """Run one window after the other; let go of a block before asking for the next, so that one lives at a time."""
        state, begun = self.start, 0
        for first in range(0, max(self.steps, 1), self.size):
            last = min(first + self.size, self.steps)
            ahead = last if last == self.steps else max(last - self.back, begun)
            if self.leaves:
                state = state.map(lambda t: t.requires_grad_(t.is_floating_point()))
            windows = [self._window(state, begun, ahead)] if ahead > begun or ahead == last else []
            if ahead < last:
                between = windows[0].after() if windows else state
                windows.append(self._window(self._carried(between), ahead, last))
            recorded = _behind(windows, first - begun)
            outputs = {n: recorded[n, e] for n, e in self.emit.items()}
            hidden = {n: {v: recorded[n, v] for v in names} for n, names in self.record.items()}
            yield Block(first, last - first, state, windows[0], ahead - begun, recorded, outputs, hidden)
            if ahead > begun:
                state, begun = windows[0].after().detach(), ahead
            del windows, outputs, hidden, recorded  # the next window is made when this one is gone

    def _window(self, state: State, first: int, last: int) -> Window:
        """Steps [first, last) from ``state``."""
        count, block = last - first, {n: x[first:last] for n, x in self.inputs.items()}
        for n, source in self.net.sources.items():
            found = source.emissions(state.step, count, self.net.graph, state.stream, self.everyone)
            block[n] = found[:, self.samples]
        return self.runner.window(block, count, state)

    def _carried(self, state: State) -> State:
        """A state inside a block: spikes in flight keep their graph, variables only where the rule carries them."""
        if self.cuts.carry_to_weights:
            return state
        return replace(
            state, variables={n: {v: t.detach() for v, t in own.items()} for n, own in state.variables.items()}
        )

    def finish(self) -> None:
        """Hand on gradients that were summed over windows, and those of the cells' coefficients to what they were made from."""
        if self.runner.again is not None:
            self.runner.again.finish()
        pairs = [
            (made, leaf.grad.sum_to_size(made.shape))
            for n, own in self.made.items()
            for c, made in own.items()
            if (leaf := self.runner.cells[n].coefficients[c]).grad is not None
        ]
        if pairs:
            torch.autograd.backward([made for made, _ in pairs], [slope for _, slope in pairs])


def _behind(windows: Sequence[Window], steps: int) -> Mapping[tuple[str, str], Tensor]:
    """What consecutive windows recorded behind their first ``steps`` steps."""
    if len(windows) == 1 and not steps:
        return windows[0].recorded
    return {key: torch.cat([w.recorded[key] for w in windows])[steps:] for key in windows[0].recorded}
