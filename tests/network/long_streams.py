"""Long streams in a process of their own: ``python -m tests.network.long_streams CELL …`` prints, for each cell and way, by how many MB
the peak of memory rises between a tenth of the steps and all of them."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable

import torch

import ranvier as rv
from ranvier.units import Hz, ms

STEPS, BLOCK, CELLS = 100_000, 2_500, 64
MAKE: dict[str, Callable[[], rv.Cell]] = {
    "lif": lambda: rv.LIF(CELLS, reset=None),
    "resonator": lambda: rv.ResonateAndFire(CELLS, f=rv.Learn(rv.Uniform(5 * Hz, 50 * Hz)), reset=None),
    "state space": lambda: rv.StateSpace(CELLS, modes=2),
    "Legendre memory": lambda: rv.LegendreMemory(CELLS, order=4),
    "sliding PSN": lambda: rv.SlidingPSN(CELLS, order=4),
}


def peak() -> float:
    """MB at the peak of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def network(make: Callable[[], rv.Cell]) -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(rv.Linear(4, CELLS), make(), rv.Linear(CELLS, 2), rv.LeakyReadout(2), dt=1 * ms)


def forward(net: rv.Sequential, steps: int) -> None:
    """Blocks of a stream without gradient."""
    state = None
    with torch.no_grad():
        for _ in range(steps // BLOCK):
            out, state = net(torch.rand(BLOCK, 1, 4), state)
    assert state is not None
    assert state.step == steps
    assert out.isfinite().all()


def training(net: rv.Sequential, steps: int) -> None:
    """Blocks of a stream, with truncated gradients and an update after each."""
    state, optimizer = None, torch.optim.SGD(net.parameters(), lr=1e-9)
    for _ in range(steps // BLOCK):
        out, state = net(torch.rand(BLOCK, 1, 4), state)
        optimizer.zero_grad()
        (out**2).mean().backward()
        optimizer.step()
        state = state.detach()


def windows(net: rv.Sequential, steps: int) -> None:
    """The rule that truncates, over an input that is given as a whole."""
    loss = rv.rules.PerStep(lambda out: (out**2).mean())
    rv.rules.BPTT(window=BLOCK).gradient(net, torch.rand(steps, 1, 4), loss)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for way in (forward, training, windows):
            net = network(MAKE[name])
            way(net, STEPS // 10)
            before = peak()
            way(net, STEPS)
            print(f"{name}, {way.__name__}: {peak() - before:.1f}", flush=True)
