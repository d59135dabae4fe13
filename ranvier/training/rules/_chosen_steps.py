"""The gradient of a few steps of a series: as they go by, or run again from the states they began with."""

from __future__ import annotations

import torch

from ranvier.dynamics import TIME, Cuts
from ranvier.errors import TrainingError
from ranvier.network import Network, State, own_precision
from ranvier.training._criterion import at_steps, lengths_of
from ranvier.training.batches import Signal
from ranvier.training.rules._criterion import Criterion, is_per_step
from ranvier.training.rules._refuse import refuse_mixing
from ranvier.training.rules._rule import Outcome
from ranvier.training.rules._windows import Tally, one
from ranvier.training.rules.series import Block, Series

__all__ = ["at_chosen_steps"]

Tensor = torch.Tensor


def at_chosen_steps(
    net: Network, x: Signal, criterion: Criterion, keep: int, window: int, cuts: Cuts, back: int = 0
) -> Outcome:
    """Differentiate ``keep`` random steps, scaled by T/keep, under ``cuts`` that carry nothing over time.

    Where the loss is a mean over steps and the whole network is one operation, chosen steps are differentiated as they go
    by. Else the series is run without a graph; the chosen steps, each with the ``back`` steps before it to which its error may
    go, are then run again, ``window`` of them at a time side by side in a larger batch, which is exact because no other
    gradient connects them.
    """
    if is_per_step(criterion) and not back:
        generator = torch.get_rng_state()
        series = Series(net, x, window, cuts)
        if series.one_operation:
            return _as_they_go_by(series, criterion, _chosen(series, keep))
        torch.set_rng_state(generator)  # the choice does not depend on the way
    _refuse_moments(net)
    record = {n: (*p.cell.system.states, *_counters(net, n)) for n, p in net.populations.items()}
    series = Series(net, x, window, cuts, record=record)
    return _run_again(series, criterion, _chosen(series, keep), back)


def _chosen(series: Series, keep: int) -> Tensor:
    if keep > series.steps:
        raise TrainingError(f"SLTT: keep={keep} steps of a series of {series.steps}: keep at most all of them.")
    return torch.randperm(series.steps)[:keep].sort().values


def _as_they_go_by(series: Series, criterion: Criterion, chosen: Tensor) -> Outcome:
    """One pass: the loss of chosen steps asks nothing of the others, which a step-wise operation leaves out."""
    tally, loss = Tally(series.steps, lengths_of(criterion)), torch.zeros(())
    for block in series.blocks():
        now = chosen[(chosen >= block.first) & (chosen < block.first + block.count)] - block.first
        if len(now):
            score = at_steps(criterion, now + block.first, series.steps)
            some = score(one({n: o.index_select(0, now) for n, o in block.outputs.items()}))
            with own_precision():
                (some * (len(now) / len(chosen))).backward()
        with torch.no_grad():
            whole = at_steps(criterion, range(block.first, block.first + block.count), series.steps)
            loss = loss + whole(one(block.outputs)) * (block.count / series.steps)
        tally.add(block)
        del block
    series.finish()
    return tally.outcome(loss)


def _run_again(series: Series, criterion: Criterion, chosen: Tensor, back: int) -> Outcome:
    """A pass without a graph, then the chosen steps once more."""
    keep, window = len(chosen), series.size
    begins = (chosen - back).clamp(min=0)
    tally, starts = Tally(series.steps, lengths_of(criterion)), _Starts(begins)
    with torch.no_grad():
        for block in series.blocks():
            starts.look(block)
            tally.add(block)
            del block
    out = {n: o.detach().requires_grad_() for n, o in tally.out.items()}
    loss = criterion(one(out))
    with own_precision():
        loss.backward()
    slopes = {n: (series.steps / keep) * slope for n, o in out.items() if (slope := o.grad) is not None}
    for before in (chosen - begins).unique().tolist():  # fewer at the start of the series
        alike = (chosen - begins == before).nonzero().flatten()
        for some in alike.split(window):
            _differentiate(series, begins[some], before + 1, starts.state(some.tolist()), slopes)
    series.finish()
    return tally.outcome(loss)


def _differentiate(series: Series, begins: Tensor, steps: int, state: State, slopes: dict[str, Tensor]) -> None:
    """Run ``steps`` steps again from each of ``begins``, side by side in a larger batch; add the gradient of the last ones."""
    net, count = series.net, len(begins) * series.batch
    taken, last = begins + torch.arange(steps)[:, None], begins + steps - 1
    now = {n: v[taken].reshape(steps, count, *v.shape[2:]) for n, v in series.inputs.items()}
    for n, source in net.sources.items():
        first = begins.tolist()
        now[n] = torch.cat([source.emissions(t, steps, net.graph, state.stream, series.batch) for t in first], 1)
    again = series.runner.window(now, steps, state).recorded
    learnt = [
        (again[n, e][-1:], slopes[n][last].reshape(again[n, e][-1:].shape))
        for n, e in series.emit.items()
        if n in slopes and again[n, e].requires_grad
    ]
    with own_precision():
        torch.autograd.backward([o for o, _ in learnt], [slope for _, slope in learnt])


class _Starts:
    """The states before the steps ``begins``, picked from windows as they go by."""

    def __init__(self, begins: Tensor) -> None:
        self.begins, self.stream = begins, 0
        self.dt: float | None = None
        self.variables: dict[str, dict[str, list[Tensor]]] = {}
        self.history: dict[str, list[Tensor]] = {}

    def look(self, block: Block) -> None:
        """Keep what the steps of a window need."""
        at = self.begins[(self.begins >= block.first) & (self.begins < block.first + block.count)] - block.first
        self.stream, self.dt = block.start.stream, block.start.dt
        if not len(at):
            return
        for n, values in block.start.variables.items():
            own = self.variables.setdefault(n, {})
            for v, before in values.items():
                after = block.window.recorded[n, v]
                rows = [before if k == 0 else after[k - 1].clone() for k in at.tolist()]
                own.setdefault(v, []).extend(rows)
        for n, past in block.start.history.items():
            tape = torch.cat([past, block.window.emissions[n]])
            self.history.setdefault(n, []).extend(tape[k : k + past.shape[0]].clone() for k in at.tolist())

    def state(self, some: list[int]) -> State:
        """Those of some of the steps, side by side in the batch."""
        variables = {
            n: {v: torch.cat([rows[k] for k in some]) for v, rows in own.items()} for n, own in self.variables.items()
        }
        history = {n: torch.cat([rows[k] for k in some], 1) for n, rows in self.history.items()}
        return State(0, variables, history, {}, self.stream, self.dt)


def _counters(net: Network, name: str) -> tuple[str, ...]:
    return net.graph.step(name).counters


def _refuse_moments(net: Network) -> None:
    """Raise where steps side by side in a batch would differ from steps in a row."""
    refuse_mixing(net, "SLTT(keep=…) runs chosen steps again, side by side", "use SLTT() without keep, or net.eval().")
    for n in net.populations:
        step = net.graph.step(n)
        moving = [*((TIME,) if step.clock.outputs else ()), *step.system.noises]
        if moving:
            raise TrainingError(
                f"SLTT(keep=…) runs chosen steps again, but {n!r} depends on {moving[0]}, which would not be the same: "
                f"use SLTT() without keep."
            )
