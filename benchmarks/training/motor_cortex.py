"""Velocity of a hand from cortical spikes, in leaderboard form. Run: `python -m benchmarks.training.motor_cortex --rounds 3`.

Scores and operations, not times; a round is a seed. Writes `docs/benchmarks/motor_cortex.md` and `.json`. Data: `RANVIER_DATA/motor_cortex`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import ranvier as rv
from benchmarks._options import options
from benchmarks._report import machine, publish
from ranvier.units import ms

STEP, GAP, LAGS, LEVELS = 50, 20, 10, 3
BUDGET = 500
ROUNDS, WINDOW, BATCH = 120, 60, 32
COUNTED = 300
AREAS = ("m1", "s1")
# the settings that validation chooses from: hidden cells, and for the first row the ACs that its inputs may cost in a step
CHOICES: dict[str, list[tuple[int, float]]] = {
    "spiking, recurrent, pruned": [(16, 250), (32, 250)],
    "spiking, feed-forward": [(32, np.inf), (64, np.inf)],
    "LSTM": [(16, np.inf), (32, np.inf)],
}
Series = tuple[Tensor, Tensor]


class LSTM(nn.Module):
    """Counts [T, B, C] to velocities [T, B, 2]."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.cells = nn.LSTM(inputs, hidden)
        self.read = nn.Linear(hidden, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.read(self.cells(x)[0])


def unary(counts: Tensor) -> Tensor:
    """Counts [..., C] as zeros and ones [..., LEVELS * C]: at least one spike, at least two, at least three."""
    return torch.cat([(counts > level).to(counts) for level in range(LEVELS)], -1)


def lagged(counts: Tensor) -> Tensor:
    """Counts [T, 1, C] of this step and the steps before it, [T, 1, LAGS * C]; zeros before the first."""
    steps = len(counts)
    padded = torch.cat([counts.new_zeros(LAGS - 1, *counts.shape[1:]), counts])
    return torch.cat([padded[LAGS - 1 - lag : LAGS - 1 - lag + steps] for lag in range(LAGS)], -1)


def split(counts: Tensor, velocity: Tensor) -> dict[str, Series]:
    """70, 10 and 20 % of the steps in the order of time, GAP steps apart; the velocity in standard deviations of the first part."""
    steps = len(counts)
    first, second = int(0.7 * steps), int(0.8 * steps)
    mean, deviation = velocity[: first - GAP].mean(0), velocity[: first - GAP].std(0)
    places = {"train": (0, first - GAP), "valid": (first, second - GAP), "test": (second, steps)}
    return {n: (counts[a:b, None], ((velocity - mean) / deviation)[a:b, None]) for n, (a, b) in places.items()}


def r2(found: Tensor, velocity: Tensor) -> float:
    """The share of variance explained, mean over both axes."""
    left = (found - velocity).square().flatten(0, 1).mean(0)
    return float((1 - left / velocity.flatten(0, 1).var(0, correction=0)).mean())


def mask(weight: Tensor, rates: Tensor, budget: float) -> Tensor:
    """The greatest weights [N, C] whose inputs, of ``rates`` [C] spikes a step, cost at most ``budget`` additions a step."""
    order = weight.abs().flatten().argsort(descending=True)
    cost = rates.expand_as(weight).flatten()[order].cumsum(0)
    kept = torch.zeros(weight.numel(), dtype=weight.dtype)
    kept[order[cost <= budget]] = 1
    return kept.view_as(weight)


def network(kind: str, inputs: int, hidden: int) -> nn.Module:
    if kind == "LSTM":
        return LSTM(inputs, hidden)
    cell = rv.LIF(hidden, tau=rv.Learn(100 * ms))
    body = rv.Recurrent(cell, rv.Linear(hidden, hidden)) if "recurrent" in kind else cell
    read = rv.LeakyReadout(2, tau=rv.Learn(100 * ms))
    return rv.Sequential(rv.Linear(inputs, hidden), body, rv.Linear(hidden, 2), read, dt=STEP * ms)


def decode(net: nn.Module, x: Tensor) -> Tensor:
    out = net(x)
    return out[0] if isinstance(out, tuple) else out


def train(kind: str, setting: tuple[int, float], data: Series, seed: int, rounds: int = ROUNDS) -> nn.Module:
    """Adam on windows drawn from the series; after a third of the rounds the inputs are pruned to their budget."""
    torch.manual_seed(seed)
    x, y = data
    hidden, budget = setting
    net = network(kind, x.shape[-1], hidden)
    first = next(q for q in net.parameters() if q.dim() == 2)
    kept = None
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(adam, rounds)
    for k in range(rounds):
        at = torch.randint(0, len(x) - WINDOW + 1, (BATCH,)) + torch.arange(WINDOW)[:, None]
        loss = (decode(net, x[at, 0]) - y[at, 0])[LAGS:].square().mean()
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
        slower.step()
        with torch.no_grad():
            if np.isfinite(budget) and k == rounds // 3:
                kept = mask(first, x.flatten(0, 1).mean(0), budget)
            if kept is not None:
                first.mul_(kept)
    return net


def ridge(data: Series, strength: float) -> nn.Linear:
    """The linear filter over LAGS steps; the constant is not penalised."""
    x, y = (part.flatten(0, 1).double() for part in data)
    centre, level = x.mean(0), y.mean(0)
    gram = (x - centre).T @ (x - centre) + strength * torch.eye(x.shape[1], dtype=x.dtype)
    weight = torch.linalg.solve(gram, (x - centre).T @ (y - level)).T
    net = nn.Linear(x.shape[1], 2).requires_grad_(False)
    net.weight.copy_(weight)
    net.bias.copy_(level - weight @ centre)
    return net


def judge(net: nn.Module, data: Series) -> dict[str, float]:
    """R² of a whole part, its state carried from step to step, and what each of its first COUNTED steps costs."""
    x, y = data
    with torch.no_grad():
        score, some = r2(decode(net, x), y), x[:COUNTED]
        theirs = rv.measure.operations(net, some, convention="neurobench", samples_axis=1).as_neurobench()
        ours = rv.measure.operations(net, some, samples_axis=1)
        energy = rv.measure.energy(ours, models=["fp32", "lemaire"])
    steps, found = len(some), theirs["SynapticOperations"]
    return {
        "r2": score,
        "bytes": theirs["Footprint"],
        "dense": found["Dense"] / steps,
        "macs": found["Effective_MACs"] / steps,
        "acs": found["Effective_ACs"] / steps,
        "element_macs": ours.macs / steps,
        "element_acs": ours.acs / steps,
        "sparsity": theirs["ActivationSparsity"],
        **{f"{n}_nj": energy[n].parts.total / 1000 / steps for n in ("fp32", "lemaire")},
    }


def rows(data: dict[str, Series], seeds: int) -> dict[str, Any]:
    """For each row the setting that validation chose, and the test of every seed with it."""
    found: dict[str, Any] = {}
    for kind, choices in CHOICES.items():
        code = (lambda x: x) if kind == "LSTM" else unary
        parts = {n: (code(x), y) for n, (x, y) in data.items()}
        nets = {setting: train(kind, setting, parts["train"], 0) for setting in choices}
        valid = {setting: judge(net, parts["valid"]) for setting, net in nets.items()}
        fit = [s for s in choices if "pruned" not in kind or valid[s]["acs"] <= BUDGET] or choices[:1]
        best = max(fit, key=lambda s: valid[s]["r2"])
        again = [nets[best], *(train(kind, best, parts["train"], seed) for seed in range(1, seeds))]
        words = f"{best[0]} cells" + (f", inputs {best[1]:g} ACs" if np.isfinite(best[1]) else "")
        found[kind] = {"setting": words, "valid": valid[best]["r2"], "seeds": [judge(n, parts["test"]) for n in again]}
    parts = {n: (lagged(x), y) for n, (x, y) in data.items()}
    strengths = {s: r2(ridge(parts["train"], s)(parts["valid"][0]), parts["valid"][1]) for s in 10.0 ** np.arange(0, 5)}
    best = max(strengths, key=lambda s: strengths[s])
    found["linear filter"] = {
        "setting": f"{LAGS} steps, ridge {best:g}",
        "valid": strengths[best],
        "seeds": [judge(ridge(parts["train"], best), parts["test"])],
    }
    return found


def page(found: dict[str, Any]) -> str:
    lines = [
        "# Velocity of a hand from cortical spikes",
        "",
        f"R² of velocity, mean over both axes, on the last 20 % of each recording, which is read as one series. A step is {STEP} ms, the finest bin of "
        "these data: the primate reaching board of NeuroBench has steps of 4 ms and other recordings, so its scores are not comparable.",
        f"Training takes the first 70 %, validation the next 10 %, {GAP} steps apart; settings are chosen on validation with seed 0. R² and ACs: mean ± "
        "standard deviation over seeds. All decoders are causal.",
        f"Networks are trained with Adam on {ROUNDS} batches of {BATCH} windows of {WINDOW} steps, which is short. Operations are means of the first "
        f"{COUNTED} steps of the test.",
        f"Spiking networks read counts as {LEVELS} zeros and ones for each unit (at least 1, 2, 3 spikes); the others read the counts. Those of the "
        f"first row are pruned during training and may cost at most {BUDGET} ACs a step on validation.",
        "Bytes, dense operations, MACs, ACs and sparsity are as NeuroBench counts; bytes hold pruned weights, too. The column `by elements` is MACs / ACs "
        "as `rv.measure.operations` counts by default. Energies are models, not measurements.",
        "",
    ]
    head = "| decoder | chosen | R² | bytes | Dense | Effective_MACs | Effective_ACs | by elements | activation sparsity | nJ, `fp32` | nJ, `lemaire` |"
    for area, decoders in found["areas"].items():
        lines += [f"## {area.upper()}", "", head, "|---|---|" + "---|" * 9]
        for name, row in decoders.items():
            mean = {k: np.mean([s[k] for s in row["seeds"]]) for k in row["seeds"][0]}
            elements = f"{mean['element_macs']:,.0f} / {mean['element_acs']:,.0f}"
            cells = [
                name,
                row["setting"],
                _spread(row, "r2", 3),
                f"{mean['bytes']:,.0f}",
                f"{mean['dense']:,.0f}",
                f"{mean['macs']:,.0f}",
            ]
            cells += [
                _spread(row, "acs", 0),
                elements,
                f"{mean['sparsity']:.3f}",
                f"{mean['fp32_nj']:.2f}",
                f"{mean['lemaire_nj']:.1f}",
            ]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    shown = ", ".join(f"{key} {value}" for key, value in found["machine"].items())
    return "\n".join(
        [*lines, f"Machine: {shown}.", "", "Run: `python -m benchmarks.training.motor_cortex --rounds 3`.", ""]
    )


def _spread(row: dict[str, Any], key: str, digits: int) -> str:
    values = [s[key] for s in row["seeds"]]
    mean = f"{np.mean(values):,.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):,.{digits}f}"


def load(area: str) -> dict[str, Series]:
    with np.load(Path(os.environ["RANVIER_DATA"]) / "motor_cortex" / f"{area}_reach.npz") as held:
        return split(torch.tensor(held["spikes"]).float(), torch.tensor(held["hand_vel"][:, :2]).float())


def main() -> None:
    given = options(__doc__)
    found = {"step_ms": STEP, "machine": machine(), "areas": {area: rows(load(area), given.rounds) for area in AREAS}}
    text = page(found)
    publish(given.folder, "motor_cortex", text, found)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
