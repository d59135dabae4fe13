"""Kinds of small networks, one training step each, beside a loop written by hand: `python -m benchmarks.training.small_kinds`.

Networks of 64 inputs, 32 hidden cells and 10 classes: plain, with learnt time constants, recurrent by a matrix or cell by cell, with dense
inputs, in float64, and convolutions over 8x8. One process, loop and Ranvier in turn (A B A B …), after outputs and all
gradients were found equal. Writes `docs/benchmarks/small_kinds.md` and `.json`.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, cross_entropy, linear, max_pool2d

import ranvier as rv
from benchmarks._options import options
from benchmarks._report import machine, publish, vector_bits
from benchmarks._turns import in_turn
from benchmarks.peers_training.torch_loop_side import ArcTan
from ranvier.units import ms

TAU, OUT = 10.0, 20.0
#: rates of learning too small to change the firing rates
RATE = 1e-7
Step = Callable[[], None]


def lif(x: Tensor, tau: Tensor | float, back: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """Spikes [T, B, …] of LIF cells."""
    beta = torch.exp(-1 / tau) if isinstance(tau, Tensor) else math.exp(-1 / tau)
    v = s = torch.zeros_like(x[0])
    spikes = []
    for x_t in x.unbind(0):
        v = x_t + beta * v if isinstance(beta, Tensor) else torch.add(x_t, v, alpha=beta)
        if back is not None:
            v = v + back(s)
        s = ArcTan.apply(v)
        v = v - s.detach()
        spikes.append(s)
    return torch.stack(spikes)


def read_out(x: Tensor) -> Tensor:
    """v [T, B, …] of v' = beta*v + x."""
    beta, v, trace = math.exp(-1 / OUT), torch.zeros_like(x[0]), []
    for x_t in x.unbind(0):
        v = torch.add(x_t, v, alpha=beta)
        trace.append(v)
    return torch.stack(trace)


def readout_cell() -> rv.Cell:
    """The same read-out, which emits v."""
    return rv.Cell(f"v' = {math.exp(-1 / OUT)!r}*v + x : 1\nx : 1 (input)", emit="v", size=10, name="readout")


def network(kind: str, dtype: torch.dtype) -> tuple[rv.Sequential, Callable[[Mapping[str, Tensor], Tensor], Tensor]]:
    """A network, and the same as a loop over its parameters by name."""
    torch.manual_seed(0)
    tau = rv.Learn(TAU * ms) if kind == "learnt tau" else TAU * ms
    how: dict[str, Any] = {"dt": 1 * ms, "dtype": dtype, "surrogate": rv.surrogates.ArcTan(alpha=2.0)}
    if kind.startswith("conv"):
        pool = [nn.MaxPool2d(2)] if "pool" in kind else []
        parts = [nn.Conv2d(1, 8, 3, padding=1, bias=False), rv.LIF(tau=TAU * ms), *pool, nn.Flatten()]
        net = rv.Sequential(*parts, rv.Linear(128 if pool else 512, 10, bias=False), readout_cell(), **how)

        def images(q: Mapping[str, Tensor], x: Tensor) -> Tensor:
            lead = x.shape[:2]
            hidden = lif(conv2d(x.flatten(0, 1), q["first"], padding=1).unflatten(0, lead), TAU).flatten(0, 1)
            features = (max_pool2d(hidden, 2) if pool else hidden).flatten(1)
            return read_out(linear(features, q["last"]).unflatten(0, lead))

        return _louder(net), images
    cell: Any = rv.LIF(32, tau=tau)
    hidden = cell
    if kind == "recurrent":
        hidden = rv.Recurrent(cell, rv.Linear(32, 32, bias=False))
    elif kind == "one to one":
        hidden = rv.Recurrent(cell, rv.OneToOne(), weight=rv.Learn(torch.linspace(-1, 0.5, 32).tolist()))
    net = rv.Sequential(rv.Linear(64, 32, bias=False), hidden, rv.Linear(32, 10, bias=False), readout_cell(), **how)

    def layers(q: Mapping[str, Tensor], x: Tensor) -> Tensor:
        again = {"recurrent": lambda s: linear(s, q["back"]), "one to one": lambda s: s * q["back"]}.get(kind)
        return read_out(linear(lif(linear(x, q["first"]), q.get("tau", TAU), again), q["last"]))

    return _louder(net), layers


def _louder(net: rv.Sequential) -> rv.Sequential:
    with torch.no_grad():
        next(q for n, q in net.named_parameters() if "weight" in n).mul_(2)
    return net


def named(net: rv.Sequential) -> dict[str, Tensor]:
    """The parameters by the words of the loops."""
    found = dict(net.named_parameters())
    weights = [n for n in found if "tau" not in n]
    words = dict(zip(weights, ("first", "back", "last") if len(weights) == 3 else ("first", "last"), strict=True))
    return {words.get(n, "tau"): q for n, q in found.items()}


def steps_of(kind: str, steps: int, batch: int, dtype: torch.dtype) -> dict[str, Step]:
    """One training step of the loop and of the network, once outputs and gradients were found equal."""
    net, loop = network(kind, dtype)
    shape = (1, 8, 8) if kind.startswith("conv") else (64,)
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(steps, batch, *shape, generator=generator)
    x = (x if kind == "dense inputs" else (x < 0.2).float()).to(dtype)
    y = torch.randint(0, 10, (batch,), generator=generator)
    own = {n: q.detach().clone().requires_grad_() for n, q in named(net).items()}
    sides = {
        "loop": (lambda: loop(own, x), [*own.values()]),
        "ranvier": (lambda: net(x, reset="detached")[0], [*named(net).values()]),
    }
    found = {}
    for name, (forward, parameters) in sides.items():
        out = forward()
        cross_entropy(out.mean(0), y).backward()
        found[name] = [out.detach(), *(q.grad for q in parameters)]
    for a, b in zip(*found.values(), strict=True):
        if float((a - b).norm()) > 1e-3 * float(a.norm()):
            raise RuntimeError(f"{kind}: the loop and the network differ by {float((a - b).abs().max())}")

    def step(forward: Callable[[], Tensor], optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        cross_entropy(forward().mean(0), y).backward()
        optimizer.step()

    made = {n: (forward, torch.optim.Adam(parameters, lr=RATE)) for n, (forward, parameters) in sides.items()}
    return {n: lambda f=f, o=o: step(f, o) for n, (f, o) in made.items()}


def measure(sides: Mapping[str, Step], rounds: int, times: int) -> dict[str, Any]:
    """Microseconds of the processor per step, and the ratio of the loop's to Ranvier's in each round."""
    found = in_turn(sides, rounds, times, time.process_time)
    ratio = statistics.median(a / b for a, b in zip(found["loop"], found["ranvier"], strict=True))
    return {"us": {n: statistics.median(t) for n, t in found.items()}, "ratio": ratio}


#: kinds, and the dtypes in which each is measured
KINDS = ("plain", "learnt tau", "recurrent", "one to one", "dense inputs", "conv", "conv and pool")


def page(rows: list[dict[str, Any]], rounds: int) -> str:
    """The table."""
    here, bits = machine(), vector_bits()
    columns = list(dict.fromkeys((r["steps"], r["batch"]) for r in rows))
    lines = [
        "# Kinds of small networks", "",
        "`python -m benchmarks.training.small_kinds`: one training step (forward, backward, Adam) of 64-32-10, or of eight channels on 8x8. Each",
        "cell holds microseconds of processor time for Ranvier, and in brackets how many times as long a loop written by hand takes. Outputs and",
        f"gradients were first found equal. {here['processor']}, vectors of {bits} bits, one thread, {rounds} interleaved rounds,",
        f"load {here['load_1min']} at the end.", "",
        f"| network | {' | '.join(f'T {t}, B {b}' for t, b in columns)} |", "|---" * (len(columns) + 1) + "|",
    ]  # fmt: skip
    for kind, dtype in dict.fromkeys((r["kind"], r["dtype"]) for r in rows):
        own = [r for r in rows if (r["kind"], r["dtype"]) == (kind, dtype)]
        cells = [f"{r['us']['ranvier']:.0f} ({r['ratio']:.2f})" for r in own]
        lines.append(f"| {kind}, {dtype} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    given = options(__doc__)
    rows = []
    for kind in KINDS:
        for dtype in (torch.float32, torch.float64):
            for steps, batch in ((4, 1), (4, 32), (20, 1), (20, 32)):
                sides = steps_of(kind, steps, batch, dtype)
                row = {"kind": kind, "dtype": str(dtype).removeprefix("torch."), "steps": steps, "batch": batch}
                rows.append(row | measure(sides, given.rounds, 20))
    text = page(rows, given.rounds)
    publish(given.folder, "small_kinds", text, {"rows": rows, "rounds": given.rounds, "machine": machine()})
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
