"""Spike-driven against dense linear layer on one thread: forward (with the scan for events) and weight gradient.

Run ``python benchmarks/micro/spike_linear.py``. Both sides are first shown to compute the same; then they run by turns
(A B A B ...) and the table gives medians and the ratio dense / events. The dense side is ``torch.nn.functional.linear``
and ``grad.T @ x``; x is 6,400 rows of 700 inputs, weight 256 outputs, float32.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch.nn.functional import linear

from ranvier.kernels.cpu.events.products import events, gather, weight_gradient

ROWS, INPUTS, OUTPUTS = 6400, 700, 256
DENSITIES = (0.01, 0.02, 0.05, 0.10, 0.20, 0.30)
TURNS = 21


def milliseconds(sides: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median time of each side, run by turns."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(TURNS + 2):
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            if turn >= 2:
                times[name].append((time.perf_counter() - start) * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def measure(density: float) -> dict[str, float]:
    """Check and time one density."""
    x = (torch.rand(ROWS, INPUTS) < density).float()
    weight, bias = torch.randn(OUTPUTS, INPUTS) / INPUTS**0.5, torch.randn(OUTPUTS)
    grad, out = torch.randn(ROWS, OUTPUTS), torch.empty(ROWS, OUTPUTS)
    listed = events(x)

    def forward() -> None:
        gather(events(x), weight.t().contiguous(), out, accumulate=False, bias=bias)

    forward()
    torch.testing.assert_close(out, linear(x, weight, bias), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(weight_gradient(listed, grad), x.T @ grad, rtol=1e-4, atol=1e-3)
    return milliseconds(
        {
            "dense forward": lambda: linear(x, weight, bias),
            "event forward": forward,
            "of it scan": lambda: events(x),
            "dense gradient": lambda: grad.T @ x,
            "event gradient": lambda: weight_gradient(listed, grad),
        }
    )


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    table = Table(title=f"{ROWS} x {INPUTS} -> {OUTPUTS}, float32, one thread, ms (median of {TURNS})")
    for column in ("density", "forward dense", "events", "of it scan", "ratio", "gradient dense", "events", "ratio"):
        table.add_column(column, justify="right")
    for density in DENSITIES:
        t = measure(density)
        forward, gradient = t["dense forward"] / t["event forward"], t["dense gradient"] / t["event gradient"]
        cells = [t["dense forward"], t["event forward"], t["of it scan"], forward]
        cells += [t["dense gradient"], t["event gradient"], gradient]
        table.add_row(f"{density:.0%}", *(f"{cell:.2f}" for cell in cells))
    Console().print(table)


if __name__ == "__main__":
    main()
