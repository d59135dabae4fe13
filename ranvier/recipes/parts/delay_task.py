"""A task for networks with delays, and what every recipe of delays measures on it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.utils.data import TensorDataset

from ranvier.data import Augmented
from ranvier.network import Network, Sequential, rounded_delays
from ranvier.recipes.form import Case, Expect
from ranvier.recipes.parts.delay_networks import KINDS, Shape, network, optimizer
from ranvier.recipes.parts.linear_model import linear_model
from ranvier.recipes.parts.split import Split
from ranvier.training import losses, train

__all__ = ["CHOSEN", "CONTROLS", "EXPECTED", "MEASURES", "METHODS", "Task", "measured"]

Tensor = torch.Tensor
METHODS = {KINDS[2]: "drawn uniformly, real-valued, and trained with the weights"}
CONTROLS = {
    KINDS[1]: "drawn from the same range, in whole steps",
    KINDS[0]: "all are zero",
    KINDS[3]: "no delays; all-to-all synapses among the cells, one step later",
}
MEASURES = {
    "accuracy": "%", "on whole steps": "%", "hidden spikes": "per sample", "operations": "per sample", "learning rate": "",
}  # fmt: skip
_LEARNT, _FIXED, _NONE = ((KINDS[k], "accuracy") for k in (2, 1, 0))
#: what the claim says on every set
EXPECTED = (
    Expect("fixed random delays beat none", _FIXED, ">", _NONE),
    Expect("learning them adds to having them", _LEARNT, ">", _FIXED),
)
#: what was chosen, and where
CHOSEN = (
    "The learning rate of each network is the best of three on each {unit}'s own validation samples, for seed 0, and so is the strength of the baselines. All networks "
    "share the other settings, which were chosen earlier on {where}; some of those are test samples here."
)
#: changed copies of every training sample that plain baselines learn from beside the sample itself
_COPIES = 4
#: on the learning rates; the first is taken among equals
_FACTORS = (1.0, 1 / 3, 3.0)


@dataclass(frozen=True)
class Task:
    """Spikes ``x`` [S, T, N], classes ``y`` [S], named folds, and what was chosen beforehand.

    Attributes
    ----------
    plain
        Input of each plain baseline [S, T, N], and in how many stretches of time it is summed.
    lr, delay_rate
        The second of three learning rates, and what delays learn with it, in ms per step.
    changes
        Make each training sample a little different, for networks and baselines alike.
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
    kept: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What ``make`` gave when it was first asked for by this key."""
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]


def measured(task: Task, case: Case) -> dict[str, float]:
    """Test accuracy of one arm on one fold; of networks also spikes and operations of a sample, and the learning rate."""
    parts = task.folds[case.group]
    if case.arm not in KINDS:  # it does not depend on the seed
        return {"accuracy": task.once((case.arm, case.group), lambda: _plain(task, case.arm, parts))}
    tried = {f: _trained(task, case.arm, 0, f, parts) for f in _FACTORS}
    factor = max(_FACTORS, key=lambda f: tried[f][1])
    net, _ = _trained(task, case.arm, case.seed, factor, parts)
    case.planned(net.plan(gradient=True))
    shown, truth = task.x[parts.test].transpose(0, 1), task.y[parts.test]

    def score(net: Network) -> tuple[float, float]:
        with torch.no_grad():
            seen = net.observe(shown, record={"lif1": ["spikes"], "readout1": ["v"]})
        right = _loss(task).predict(seen["readout1"]["v"]) == truth
        return float(right.double().mean()), float(seen["lif1"]["spikes"].sum((0, 2)).mean())

    accuracy, _ = score(net)
    whole, fired = score(rounded_delays(net) if case.arm == KINDS[2] else net)
    fan_out = task.shape.classes + (task.shape.hidden if case.arm == KINDS[3] else 0)
    operations = float(shown.sum((0, 2)).mean()) * task.shape.hidden + fired * fan_out
    return {
        "accuracy": accuracy, "on whole steps": whole, "hidden spikes": fired, "operations": operations,
        "learning rate": task.lr * factor,
    }  # fmt: skip


def _loss(task: Task) -> losses.MeanMembrane:
    return losses.MeanMembrane(scale=task.scale)


def _trained(task: Task, kind: str, seed: int, factor: float, parts: Split) -> tuple[Sequential, float]:
    """A network and its validation accuracy; folds that learn from the same samples share it."""
    key = kind, seed, factor, parts.train.tobytes(), parts.valid.tobytes()
    return task.once(key, lambda: _fitted(task, kind, seed, factor, parts))


def _fitted(task: Task, kind: str, seed: int, factor: float, parts: Split) -> tuple[Sequential, float]:
    net, x, y = network(kind, task.shape, seed), task.x, task.y
    learn = Augmented(TensorDataset(x[parts.train], y[parts.train]), *task.changes)
    how = optimizer(net, factor * task.lr, task.decay, factor * task.delay_rate)
    fit = train(
        net, learn, (x[parts.valid], y[parts.valid]), epochs=task.epochs, loss=_loss(task), lr=factor * task.lr,
        batch_size=task.batch_size, optimizer=how, schedule="cosine", seed=seed, progress=False,
    )  # fmt: skip
    return net, fit.best_score


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
