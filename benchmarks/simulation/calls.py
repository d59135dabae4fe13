"""Calls of one step beside hand-written torch: `python -m benchmarks.simulation.calls [--rounds 9]`.

Layers at a batch of 1 and 64: a torch loop, `net.step` (values in, values out) and `net.stepper` (buffers reused), without a
gradient, and `net.step` beside the loop with one. Circuits: `net.run` of one step from the state of the last one, the same with spikes recorded,
`net.run` from one state again and again, and a step of `net.stepper`. All in one process, in turn
(A B C A B C …), pinned to one core; first the loop's spikes are compared with Ranvier's. Writes `docs/benchmarks/calls.md` and
`.json`.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch.nn.functional import linear

import ranvier as rv
from benchmarks._options import options
from benchmarks._report import machine, publish, vector_bits
from benchmarks._turns import Calls, in_turn
from ranvier.units import ms, mV

TAU = 10.0
LAYERS = (((64, 32, 10), 1), ((64, 32, 10), 64), ((700, 256, 256, 20), 1), ((700, 256, 256, 20), 64))
#: populations, projections, cells of each
CIRCUITS = ((1, 1, 50), (2, 4, 2000), (5, 25, 50), (20, 100, 50), (50, 250, 50))
#: calls on end of one repetition
CALLS = 50


class Spike(torch.autograd.Function):
    """Heaviside step of v - 1, derivative 1 / (1 + (pi (v - 1))^2)."""

    @staticmethod
    def forward(ctx: Any, v: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(v)
        return (v > 1.0).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> torch.Tensor:
        (v,) = ctx.saved_tensors
        return upstream / ((v - 1.0).mul_(math.pi).square_().add_(1.0))


def layers(sizes: tuple[int, ...]) -> rv.Sequential:
    """LIF layers of these sizes, whose hidden cells fire."""
    torch.manual_seed(1)
    parts: list[Any] = []
    for pre, post in pairwise(sizes):
        first = rv.Linear(pre, post)
        with torch.no_grad():
            first.weight.mul_(3)
        parts += [first, rv.LIF(post, tau=TAU * ms)]
    return rv.Sequential(*parts, dt=1 * ms)


def by_hand(net: rv.Sequential, gradient: bool) -> Callable[[torch.Tensor, list], tuple[torch.Tensor, list]]:
    """One step of the same network as one writes it in torch."""
    weights = [(p.chain[0].weight, p.chain[0].bias) for p in net.projections.values()]
    beta = math.exp(-1.0 / TAU)

    def step(x: torch.Tensor, state: list[torch.Tensor]) -> tuple[torch.Tensor, list[torch.Tensor]]:
        after = []
        for (weight, bias), v in zip(weights, state, strict=True):
            v = torch.add(linear(x, weight, bias), v, alpha=beta)
            x = Spike.apply(v) if gradient else (v > 1.0).to(v.dtype)
            after.append(v - x)
        return x, after

    return step


def layer_calls(sizes: tuple[int, ...], batch: int) -> tuple[Calls, Calls]:
    """The calls without and with a gradient, once their spikes were found equal."""
    net = layers(sizes)
    x = (torch.rand(200, batch, sizes[0]) < 0.05).float()
    plain, with_gradient = by_hand(net, False), by_hand(net, True)
    stepper, state = net.stepper(batch=batch), net.initial_state(batch)
    held, unlike, fired = [torch.zeros(batch, n) for n in sizes[1:]], 0.0, 0.0
    with torch.no_grad():
        for now in x:
            out, state = net.step(now, state)
            other, held = plain(now, held)
            if not torch.equal(stepper(now), out):
                raise RuntimeError(f"{sizes}: the stepper gives other spikes than net.step")
            unlike, fired = unlike + float((out != other).sum()), fired + float(out.sum())
    if not fired or unlike > 1e-3 * x.shape[0] * batch * sizes[-1]:
        raise RuntimeError(f"{sizes}: {unlike:.0f} entries of the rasters differ, of {fired:.0f} spikes")
    now = x[-1]
    without = {
        "torch": lambda: plain(now, held), "net.step": lambda: net.step(now, state), "net.stepper": lambda: stepper(now),
    }  # fmt: skip
    return without, {"torch": lambda: with_gradient(now, held), "net.step": lambda: net.step(now, state)}


def circuit(populations: int, projections: int, cells: int) -> rv.Network:
    """Conductance-based populations in a ring of projections with 80 synapses per cell in all."""
    net = rv.Network(dt=0.1 * ms, seed=1)
    cell = _cell()
    start = {"v": rv.Uniform(-65 * mV, -50 * mV), "g_e": rv.Uniform(0, 2)}
    names = [net.population(f"p{k}", cells, cell, **start) for k in range(populations)]
    chance = min(1.0, 80 * populations / (projections * cells))
    for k in range(projections):
        pre, post = names[k % populations], names[(k + 1 + k // populations) % populations]
        port, weight = ("g_e", 0.6) if k % populations < 0.8 * populations else ("g_i", 6.7)
        net.connect(pre, post, rv.FixedProbability(chance), to=port, weight=weight)
    return net


def _cell() -> rv.Cell:
    equations = """
    dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV  (unless refractory)
    dg_e/dt = -g_e / tau_e : 1
    dg_i/dt = -g_i / tau_i : 1
    """
    return rv.Cell(
        equations, threshold="v > V_t", reset="v = V_r", refractory=5 * ms, E_L=-60 * mV, E_e=0 * mV, E_i=-80 * mV, V_t=-50 * mV,
        V_r=-60 * mV, tau_m=20 * ms, tau_e=5 * ms, tau_i=10 * ms,
    )  # fmt: skip


def title(populations: int, projections: int, cells: int) -> str:
    """The name of a circuit in the table."""
    one, wire = ("" if n == 1 else "s" for n in (populations, projections))
    return f"{populations} population{one} of {cells:,} cells, {projections} projection{wire}"


def circuit_calls(populations: int, projections: int, cells: int) -> Calls:
    """Runs of one step, one after another and from one state, and a step of a stepper; all states were first found equal."""
    net = circuit(populations, projections, cells)
    state = net.run(20 * ms).state
    stepper = net.stepper(state)
    for _ in range(20):
        stepper()
    now, theirs = [state, state], net.run(2 * ms, state).state.tensors()

    def run(k: int, **how: Any) -> None:
        now[k] = net.run(0.1 * ms, now[k], **how).state

    for _ in range(20):
        run(0)
    for ours in (stepper.state.tensors(), now[0].tensors()):
        if not all(torch.equal(ours[n], t) for n, t in theirs.items()):
            raise RuntimeError(f"{populations} populations: steps give another state than one run")
    record = {n: ["spikes"] for n in net.populations}
    return {
        "one step": lambda: run(0), "spikes recorded": lambda: run(1, record=record),
        "from one state": lambda: net.run(0.1 * ms, state), "ten steps": lambda: net.run(1 * ms, state), "net.stepper": stepper,
    }  # fmt: skip


def row(what: str, found: Mapping[str, list[float]]) -> dict[str, Any]:
    """Medians, and the ratio of the first to each, round by round."""
    first = next(iter(found.values()))
    ratios = {n: statistics.median(a / b for a, b in zip(first, own, strict=True)) for n, own in found.items()}
    return {"what": what, "us": {n: statistics.median(own) for n, own in found.items()}, "ratios": ratios}


def page(rows: list[dict[str, Any]], rounds: int) -> str:
    """The tables."""
    here = machine()
    lines = [
        "# Calls of one step",
        "",
        "`python -m benchmarks.simulation.calls`: microseconds per call, the median of interleaved rounds. Brackets hold the speed relative to the",
        f"first column in the same round. {here['processor']}, vectors of {vector_bits()} bits, one thread, {rounds} rounds, load {here['load_1min']} at the end.",
        "",
    ]
    head: list[str] = []
    for r in rows:
        names = list(r["us"])
        if names != head:
            head = names
            lines += ["", f"| call | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
        cells = [f"{r['us'][n]:.1f}" + (f" ({r['ratios'][n]:.1f})" if k else "") for k, n in enumerate(names)]
        lines.append(f"| {r['what']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    given = options(__doc__)
    rows = []
    for sizes, batch in LAYERS:
        without, with_gradient = layer_calls(sizes, batch)
        name = f"{'-'.join(map(str, sizes))}, batch {batch}"
        with torch.no_grad():
            rows.append(row(name, in_turn(without, given.rounds, CALLS, time.perf_counter)))
        rows.append(row(f"{name}, with a gradient", in_turn(with_gradient, given.rounds, CALLS, time.perf_counter)))
    rows.sort(key=lambda r: len(r["us"]), reverse=True)
    for populations, projections, cells in CIRCUITS:
        name = title(populations, projections, cells)
        calls = circuit_calls(populations, projections, cells)
        rows.append(row(name, in_turn(calls, given.rounds, 20, time.perf_counter)))
    text = page(rows, given.rounds)
    publish(given.folder, "calls", text, {"rows": rows, "rounds": given.rounds, "machine": machine()})
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
