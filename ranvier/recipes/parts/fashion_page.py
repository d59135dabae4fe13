"""The page of the Fashion-MNIST recipe: what was claimed, what was run, what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ranvier.recipes.parts.fashion import Setup
from ranvier.recipes.parts.statistics import bare

__all__ = ["page"]


def page(
    setup: Setup, rows: Sequence[Mapping[str, Any]], linear: Sequence[Mapping[str, float]], machine: Mapping[str, Any]
) -> str:
    """Markdown with one line per number of steps, mean over seeds ± standard deviation."""
    counts = sorted({row["steps"] for row in rows}, reverse=True)
    seeds = sorted({row["seed"] for row in rows})
    table = [_line(n, [row for row in rows if row["steps"] == n]) for n in counts]
    first, last = ([row["test"] for row in rows if row["steps"] == n] for n in (counts[0], counts[-1]))
    lost = 100 * (sum(first) / len(first) - sum(last) / len(last))
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    one, two = setup.channels
    return f"""# Fashion-MNIST: from {counts[0]} steps to {counts[-1]}

**The claim** (Chowdhury, Rathi & Roy 2021): a spiking network that is trained for several steps can be brought down to a
single one, stage by stage, each starting from the last, with little loss. **Here**: a small network on Fashion-MNIST;
from {counts[0]} steps to {counts[-1]} it lost {lost:.2f} points of test accuracy.

| steps | validation % | test % | spikes per image | training, min | processor, min |
|---|---|---|---|---|---|
{chr(10).join(table)}
| softmax regression | {bare([r["valid"] for r in linear])} | {bare([r["test"] for r in linear])} | | | |
| chance | 10.00 | 10.00 | | | |

Seeds: {", ".join(map(str, seeds))}{"; ± is the standard deviation over them" if len(seeds) > 1 else ""}. Each has its own validation set of 10,000 images, drawn from the 60,000
training images; settings were chosen on that of seed 0. Of every stage the epoch of the best validation accuracy was
kept; the 10,000 test images were shown once to each network, after all training. Times are those of the stage alone,
wall clock and processor time, on a machine that others may have used too.

**The network.** Pixels enter as currents in every step: `Conv2d(1, {one}, 5, stride=2)`, `ThresholdBatchNorm`, `LIF` (tau
{setup.tau:g} ms, step 1 ms), `Conv2d({one}, {two}, 3, stride=2)`, `ThresholdBatchNorm`, `LIF`, `Linear({two * 49}, {setup.hidden})`,
`ThresholdBatchNorm`, `LIF`, `Linear({setup.hidden}, 10)`; the class is that of the highest mean output. **Training**: backpropagation
through time, cross-entropy with labels smoothed by {setup.smoothing:g}, AdamW (decay {setup.decay:g}), batches of {setup.batch_size}, images mirrored at
random; {setup.epochs} epochs at {setup.steps} steps from a learning rate of {setup.lr:g}, then {setup.stage_epochs} per stage, and {setup.last_epochs} at one step, from {setup.stage_lr:g}, each falling along
a cosine (`rv.shrink_steps`).

Again: `python -c "import ranvier as rv; rv.recipes.fashion_mnist.run(seeds={tuple(seeds)!r}, epochs={setup.epochs}, stage_epochs={setup.stage_epochs}, last_epochs={setup.last_epochs})"`, with the
Debian package `dataset-fashion-mnist`. Computed on {machine["device"]}; {versions}.
"""


def _line(steps: int, rows: Sequence[Mapping[str, Any]]) -> str:
    def column(name: str) -> list[float]:
        return [row[name] for row in rows]

    def mean(name: str, unit: float) -> float:
        return sum(column(name)) / len(rows) / unit

    spent = [s for s in column("processor_seconds") if s is not None]
    processor = f"{sum(spent) / len(spent) / 60:.1f}" if len(spent) == len(rows) else "not known"
    return (
        f"| {steps} | {bare(column('valid'))} | {bare(column('test'))} | {mean('spikes', 1):.0f} | {mean('seconds', 60):.1f} | "
        f"{processor} |"
    )
