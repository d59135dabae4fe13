"""Cells that are linear in time, by the loop over steps and by forms that put steps together. Run: `python -m benchmarks.training.linear_scan`.

Every form first has to give the membranes, spikes and input gradients of the loop. Forms take turns, and the table holds medians.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

import ranvier as rv
from benchmarks import _report
from benchmarks.series import ROOT
from ranvier.dynamics import Step
from ranvier.kernels import eager
from ranvier.kernels.cpu import run_scan
from ranvier.kernels.tasks import Scan
from ranvier.network import Population
from ranvier.units import Hz, ms

Tensor = torch.Tensor
Form = Callable[["Case", Tensor], tuple[Tensor, Tensor]]
STEPS, CELLS = (100, 1_000, 10_000, 100_000), (1, 16, 256, 4_096)
PIECES, ORDER, MOST, MOST_COMPLEX = 16, 8, 1 << 26, 1 << 23
LEVEL = 0.4


@dataclass(frozen=True)
class Case:
    """A cell, and the coefficients of its step."""

    cell: rv.Cell
    variable: str

    @cached_property
    def step(self) -> Step:
        return self.cell.step()

    @cached_property
    def numbers(self) -> dict[str, Tensor]:
        values = Population("cells", self.cell, (1,)).values()
        return {n: v.detach().reshape(()) for n, v in eager.coefficients(self.step, values, 1.0).items()}

    @cached_property
    def matrix(self) -> Tensor:
        """That which advances the states by a step, in float64."""
        found, states = self.step.linearity.matrix, self.step.states
        given = {n: float(v) for n, v in self.numbers.items()}
        rows = [[float(found[a, b].subs(given)) if (a, b) in found else 0.0 for b in states] for a in states]
        return torch.tensor(rows, dtype=torch.float64)

    @cached_property
    def output(self) -> str:
        return self.step.output_of(self.variable)

    def task(self, x: Tensor, starts: dict[str, Tensor] | None = None, wanted: bool = True) -> Scan:
        shape = tuple(x.shape[1:])
        start = starts or {n: torch.zeros(shape) for n in self.step.states}
        outputs = ("spike", self.output) if wanted else ()
        return Scan(self.step, len(x), shape, torch.float32, {"x": x}, start, self.numbers, outputs)


class Spike(torch.autograd.Function):
    """1 above 0, with the derivative of ArcTan."""

    @staticmethod
    def forward(ctx, u: Tensor) -> Tensor:
        ctx.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, *grads: Tensor) -> Tensor:
        (u,) = ctx.saved_tensors
        return grads[0] / (1 + (math.pi * u) ** 2)


def loop(case: Case, x: Tensor) -> tuple[Tensor, Tensor]:
    """The kernel of the package: time outside, cells inside."""
    out = run_scan(case.task(x)).emitted
    return out["spike"], out[case.output]


def pieces(case: Case, x: Tensor) -> tuple[Tensor, Tensor]:
    """The same kernel over pieces of time as further cells: from zero, then from the start of each piece."""
    steps, cells = x.shape
    length = -(-steps // PIECES)
    full = torch.nn.functional.pad(x, (0, 0, 0, PIECES * length - steps))
    cut = full.view(PIECES, length, cells).transpose(0, 1).contiguous()
    states = case.step.states
    ends = run_scan(case.task(cut, wanted=False)).states
    end, power = torch.stack([ends[n] for n in states], -1).double(), torch.matrix_power(case.matrix, length)
    starts = [torch.zeros(cells, len(states), dtype=torch.float64)]
    for k in range(PIECES - 1):
        starts.append(starts[-1] @ power.T + end[k])
    start = torch.stack(starts).float()
    task = case.task(cut, {n: start[..., k].contiguous() for k, n in enumerate(states)})
    found = [t.transpose(0, 1).reshape(-1, cells)[:steps] for t in run_scan(task).emitted.values()]
    return found[0], found[1]


def _pole(case: Case) -> complex:
    """That of a block of two: z' = pole*z + x."""
    matrix = case.matrix
    return complex(matrix[0, 0], matrix[1, 0])


def fourier(case: Case, x: Tensor) -> tuple[Tensor, Tensor]:
    """A convolution with the response of the membrane by Fourier transforms of twice the length."""
    steps = len(x)
    response = (_pole(case) ** torch.arange(steps, dtype=torch.float64)).imag.float().unsqueeze(1)
    size = 2 * steps
    v = torch.fft.irfft(torch.fft.rfft(x, size, dim=0) * torch.fft.rfft(response, size, dim=0), size, dim=0)[:steps]
    return Spike.apply(v - LEVEL), v


def associative(case: Case, x: Tensor) -> tuple[Tensor, Tensor]:
    """The associative scan in torch: log2(T) rounds, each of which adds what lies twice as far back."""
    z, pole, far = x.to(torch.complex64), _pole(case), 1
    while far < len(x):
        z = torch.cat([z[:far], z[far:] + pole * z[:-far]])
        pole, far = pole * pole, 2 * far
    return Spike.apply(z.imag - LEVEL), z.imag


def convolution(case: Case, x: Tensor) -> tuple[Tensor, Tensor]:
    """Torch's convolution over time."""
    weight = torch.tensor([0.5**k for k in range(ORDER)]).flip(0).reshape(1, 1, -1)
    rows = torch.nn.functional.pad(x.T.unsqueeze(1), (ORDER - 1, 0))
    h = torch.nn.functional.conv1d(rows, weight).squeeze(1).T
    return Spike.apply(h - LEVEL), h


def shifted(case: Case, x: Tensor) -> tuple[Tensor, Tensor]:
    """A sum of products with the input moved by 0, 1, … steps."""
    h = x.clone()
    for k in range(1, min(ORDER, len(x))):
        h[k:] = h[k:] + 0.5**k * x[:-k]
    return Spike.apply(h - LEVEL), h


RESONATOR = Case(rv.ResonateAndFire(f=50 * Hz, tau=30 * ms, V_th=LEVEL, reset=None), "v")
SLIDING = Case(rv.SlidingPSN(order=ORDER, weight=[0.5**k for k in range(ORDER)], V_th=LEVEL), "h")
TABLES: tuple[tuple[str, Case, dict[str, Form]], ...] = (
    ("Resonate-and-fire without a reset", RESONATOR, {"loop": loop, f"{PIECES} pieces": pieces, "Fourier": fourier, "associative scan": associative}),
    (f"Sliding PSN of order {ORDER}", SLIDING, {"loop": loop, "convolution": convolution, "shifted sums": shifted}),
)  # fmt: skip


def forward(form: Form, case: Case, x: Tensor) -> None:
    with torch.no_grad():
        form(case, x)


def both(form: Form, case: Case, x: Tensor) -> None:
    x = x.detach().requires_grad_()
    form(case, x)[0].sum().backward()


def check(forms: dict[str, Form], case: Case, x: Tensor) -> float:
    """The largest share of spikes that a form has elsewhere; membranes and gradients must agree."""
    worst, wanted = 0.0, None
    for name, form in forms.items():
        given = x.clone().requires_grad_()
        spikes, v = form(case, given)
        spikes.sum().backward()
        found = spikes.detach(), v.detach(), given.grad
        if wanted is None:
            wanted = found
            continue
        scale = float(wanted[1].abs().max())
        if float((found[1] - wanted[1]).abs().max()) > 2e-5 * scale:
            raise ArithmeticError(f"{name}: membranes differ from those of the loop")
        cosine = torch.nn.functional.cosine_similarity(found[2].flatten().double(), wanted[2].flatten().double(), 0)
        if float(cosine) < 1 - 1e-5:
            raise ArithmeticError(f"{name}: gradients differ from those of the loop (cosine {float(cosine)})")
        worst = max(worst, float((found[0] != wanted[0]).float().mean()))
    return worst


def measured(
    way: Callable[..., None], forms: dict[str, Form], case: Case, x: Tensor, budget: float
) -> dict[str, float]:
    """Median seconds of each form; they take turns, in at least 3 rounds and for about ``budget`` seconds.

    On one thread these are seconds of the processor, so that other processes do not count.
    """
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    times: dict[str, list[float]] = {n: [] for n in forms}
    began, rounds = time.perf_counter(), 0
    while rounds < 4 or (time.perf_counter() - began < budget and rounds < 200):
        for name, form in forms.items():
            start = clock()
            way(form, case, x)
            times[name].append(clock() - start)
        rounds += 1
    return {n: statistics.median(t[1:]) for n, t in times.items()}


def rows(case: Case, forms: dict[str, Form], budget: float) -> Iterator[list[str]]:
    for steps in STEPS:
        for cells in CELLS:
            if steps * cells > MOST:
                continue
            few = steps * cells <= MOST_COMPLEX
            own = {n: f for n, f in forms.items() if few or n == "loop"}
            x = torch.randn(steps, cells, generator=torch.Generator().manual_seed(0))
            elsewhere = check(own, case, x)
            line = [f"{steps:,}", f"{cells:,}"]
            for way in (forward, both):
                found = measured(way, own, case, x, budget)
                best = found["loop"]
                line += [f"{1e3 * best:.3g}"] + [
                    f"{found[n] / best:.2f}" if n in found else "–" for n in forms if n != "loop"
                ]
            sys.stderr.write(f"{' | '.join(line)} | {elsewhere:.1e}\n")
            yield line


def table(title: str, case: Case, forms: dict[str, Form], budget: float) -> str:
    others = [n for n in forms if n != "loop"]
    head = ["T", "cells × samples", "forward: loop, ms", *others, "with gradient: loop, ms", *others]
    lines = [f"## {title}", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {' | '.join(line)} |" for line in rows(case, forms, budget)]
    return "\n".join(lines)


def products(budget: float) -> str:
    """PSN: a T x T product, beside the masked one and a sliding PSN of the same order."""
    head = ["T", "cells × samples", "PSN, ms", f"masked PSN, order {ORDER}", f"sliding PSN, order {ORDER}"]
    lines = ["## Parallel spiking neurons, with gradient", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for steps in STEPS[:2]:
        for cells in CELLS:
            nets = {
                "whole": rv.Sequential(*rv.PSN(cells, steps=steps), dt=1 * ms),
                "masked": rv.Sequential(*rv.PSN(cells, steps=steps, order=ORDER), dt=1 * ms),
                "sliding": rv.SlidingPSN(cells, order=ORDER).layer(dt=1 * ms),
            }
            x = torch.randn(steps, 1, cells, generator=torch.Generator().manual_seed(0))
            forms: dict[str, Form] = {n: (lambda case, x, net=net: (net(x)[0], x)) for n, net in nets.items()}
            found = measured(both, forms, SLIDING, x, budget)
            ratios = [f"{found[n] / found['whole']:.2f}" for n in ("masked", "sliding")]
            lines.append(f"| {steps:,} | {cells:,} | {1e3 * found['whole']:.3g} | {' | '.join(ratios)} |")
    return "\n".join(lines)


def main() -> None:
    """Write ``linear_scan.md`` into the folder of the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--budget", type=float, default=0.6, help="seconds for each entry")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "benchmarks")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    text = [
        "# Step by step, or steps together",
        "",
        "A constant matrix advances these cells, and no event sets their variables. So many steps could also be computed together: in pieces of "
        "time, by Fourier transforms or by an associative scan. The columns of these forms hold their time divided by that of the loop over "
        "steps: above 1 the loop is faster. The last table divides by the time of the PSN. "
        f"float32, {_report.machine()['processor']}, {asked.threads} thread(s); medians of processor time, all forms in turn. Membranes agree "
        "within 2e-5 of the largest, gradients in cosine within 1e-5. A dash marks a size whose complex numbers need too much memory.",
        *("\n" + table(title, case, forms, asked.budget) for title, case, forms in TABLES),
        "\n" + products(asked.budget),
    ]
    page = asked.folder / "linear_scan.md"
    page.write_text("\n".join(text) + "\n")
    sys.stdout.write(page.read_text())


if __name__ == "__main__":
    main()
