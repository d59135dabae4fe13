"""A task for networks with delays, and what every recipe of delays measures on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.utils.data import TensorDataset

from ranvier.data import Augmented, Samples, Splits
from ranvier.network import Network, rounded_delays
from ranvier.recipes.form import Case, Expect
from ranvier.recipes.parts.delay_networks import KINDS, Shape, network, optimizer
from ranvier.recipes.parts.linear_model import linear_model
from ranvier.recipes.parts.split import Split
from ranvier.training import losses, train

__all__ = ["CONTROLS", "EXPECTED", "MEASURES", "METHODS", "Task", "gathered", "measured", "rotated"]

Tensor = torch.Tensor
METHODS = {KINDS[2]: "drawn uniformly, real-valued, and trained with the weights"}
CONTROLS = {
    KINDS[1]: "drawn from the same range, in whole steps",
    KINDS[0]: "all are zero",
    KINDS[3]: "no delays; all-to-all synapses among the cells, one step later",
}
MEASURES = {"accuracy": "%", "on whole steps": "%", "hidden spikes": "per sample", "operations": "per sample"}
_LEARNT, _FIXED, _NONE = ((KINDS[k], "accuracy") for k in (2, 1, 0))
#: what the claim says on every set
EXPECTED = (
    Expect("fixed random delays beat none", _FIXED, ">", _NONE),
    Expect("learning them adds to having them", _LEARNT, ">", _FIXED),
)
#: changed copies of every training sample that plain baselines learn from beside the sample itself
_COPIES = 4


@dataclass(frozen=True)
class Task:
    """Spikes ``x`` [S, T, N], classes ``y`` [S], named folds, and what was chosen beforehand.

    Attributes
    ----------
    plain
        Input of each plain baseline [S, T, N], and in how many stretches of time it is summed.
    changes
        Make each training sample a little different, for networks and baselines alike.
    delay_rate
        In ms per step.
    """

    x: Tensor
    y: Tensor
    folds: Mapping[str, Split]
    shape: Shape
    plain: Mapping[str, tuple[Tensor, int]]
    epochs: int
    lr: float
    delay_rate: float
    batch_size: int
    decay: float = 1e-2
    scale: float = 10.0
    changes: Sequence[Callable[[Tensor], Tensor]] = ()
    kept: dict[tuple[str, str], float] = field(default_factory=dict)


def measured(task: Task, case: Case) -> dict[str, float]:
    """Test accuracy of one arm on one fold; of networks also spikes and operations of a sample."""
    if case.arm not in KINDS:
        if (case.arm, case.group) not in task.kept:  # it does not depend on the seed
            task.kept[case.arm, case.group] = _plain(task, case.arm, task.folds[case.group])
        return {"accuracy": task.kept[case.arm, case.group]}
    parts, x, y = task.folds[case.group], task.x, task.y
    net, loss = network(case.arm, task.shape, case.seed), losses.MeanMembrane(scale=task.scale)
    learn = Augmented(TensorDataset(x[parts.train], y[parts.train]), *task.changes)
    train(
        net, learn, (x[parts.valid], y[parts.valid]), epochs=task.epochs, loss=loss, lr=task.lr, batch_size=task.batch_size,
        optimizer=optimizer(net, task.lr, task.decay, task.delay_rate), schedule="cosine", seed=case.seed, progress=False,
    )  # fmt: skip
    case.planned(net.plan(gradient=True))
    shown, truth = x[parts.test].transpose(0, 1), y[parts.test]

    def score(net: Network) -> tuple[float, float]:
        with torch.no_grad():
            seen = net.observe(shown, record={"lif1": ["spikes"], "readout1": ["v"]})
        right = loss.predict(seen["readout1"]["v"]) == truth
        return float(right.double().mean()), float(seen["lif1"]["spikes"].sum((0, 2)).mean())

    accuracy, _ = score(net)
    whole, fired = score(rounded_delays(net) if case.arm == KINDS[2] else net)
    fan_out = task.shape.classes + (task.shape.hidden if case.arm == KINDS[3] else 0)
    operations = float(shown.sum((0, 2)).mean()) * task.shape.hidden + fired * fan_out
    return {"accuracy": accuracy, "on whole steps": whole, "hidden spikes": fired, "operations": operations}


def _plain(task: Task, name: str, parts: Split) -> float:
    """Logistic regression that learns from the same changes."""
    z, bins = task.plain[name]
    torch.manual_seed(0)
    learn = [z[parts.train]]
    for _ in range(_COPIES if task.changes else 0):
        copies = z[parts.train].clone()
        for k in range(len(copies)):
            for change in task.changes:
                copies[k] = change(copies[k])
        learn.append(copies)
    y = task.y.numpy()

    def features(x: Tensor) -> np.ndarray:
        summed = torch.stack([part.sum(1) for part in x.tensor_split(bins, 1)], 1).flatten(1)
        return summed.clamp(min=0).sqrt().numpy()

    first = features(torch.cat(learn)), np.tile(y[parts.train], len(learn))
    valid, test = ((features(z[p]), y[p]) for p in (parts.valid, parts.test))
    return linear_model(first, valid, test).test


def gathered(sets: Splits) -> tuple[list[Tensor], np.ndarray, np.ndarray]:
    """Items, classes and groups of all three parts together; without groups each item is one of its own."""
    parts: list[Samples] = [sets.train, sets.valid, sets.test]
    items = [part[k][0] for part in parts for k in range(len(part))]
    groups = [part.group for part in parts if part.group is not None]
    return (
        items,
        np.concatenate([part.target for part in parts]),
        np.concatenate(groups) if groups else np.arange(len(items)),
    )


def rotated(place: np.ndarray, folds: int) -> dict[str, Split]:
    """Folds by ``place`` from 0 to folds - 1 of each sample: one to test, the next to choose by, the others to learn from."""

    def fold(k: int) -> Split:
        test, valid = place == k, place == (k + 1) % folds
        return Split(*(np.flatnonzero(mask) for mask in (~(test | valid), valid, test)))

    return {str(k + 1): fold(k) for k in range(folds)}
