"""Training on disk: after every epoch, all that the next one depends on, replaced in one atomic step."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ranvier.errors import FileFormatError, RanvierError, TrainingError
from ranvier.network import Network
from ranvier.network._saving import Kind, Record, damaged, read_pair, write_pair
from ranvier.training._fit import Epoch
from ranvier.training._metrics import Score

__all__ = ["Checkpoint", "fingerprint", "optimizer_settings"]

_TRAINING = Kind("training", "training.json", "tensors", 1)
Tensors = dict[str, torch.Tensor]


def fingerprint(net: Network) -> str:
    """A hash of what a network is apart from its numbers: equations, sizes, connections."""
    cells = {n: [p.cell.equations, p.cell.threshold, p.cell.reset, p.cell.method] for n, p in net.populations.items()}
    joins = {
        n: [p.pre, p.post, p.port, p.latency, [type(m).__name__ for m in p.chain]] for n, p in net.projections.items()
    }
    tensors = {n: [str(t.dtype), list(t.shape)] for n, t in net.state_dict().items()}
    text = json.dumps([net.dt, cells, joins, tensors, list(net.outputs)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Checkpoint:
    """The checkpoint of one training in a folder.

    ``settings`` are what the numbers depend on; a checkpoint made with others is refused. Batch order and random
    numbers are functions of the seed and the epoch, so no generator needs saving.
    """

    def __init__(self, folder: str | os.PathLike[str], settings: dict[str, Any]) -> None:
        self.folder, self.settings = Path(folder), settings

    def write(
        self, net: Network, optimizer: torch.optim.Optimizer, history: Sequence[Epoch], best: Tensors,
        plan: dict[str, Any], stopped: str,
    ) -> None:  # fmt: skip
        """Replace the checkpoint by one after the last epoch of ``history``."""
        tensors = {f"model/{n}": t for n, t in net.state_dict().items()}
        tensors |= {f"best/{n}": t for n, t in best.items()}
        described = {
            "settings": self.settings,
            "stopped": stopped,
            "history": [asdict(epoch) for epoch in history],
            "optimizer": _optimizer_state(optimizer, tensors),
            "plan": plan,
        }
        write_pair(self.folder, _TRAINING, described, tensors)

    def read(self, net: Network, optimizer: torch.optim.Optimizer) -> tuple[list[Epoch], Tensors, str]:
        """Put network and optimiser where the last checkpoint left them; (history, best tensors, why it had stopped).

        Without a checkpoint in the folder nothing is changed and the history is empty.

        Raises
        ------
        TrainingError
            Where the checkpoint belongs to another network or to other settings.
        FileFormatError
            Where it is damaged.
        """
        if not (self.folder / _TRAINING.description).exists():
            return [], {}, ""
        description, tensors = read_pair(self.folder, _TRAINING)
        record = Record(description, _TRAINING.description)
        self._compare(record.child("settings"))
        model = {n.removeprefix("model/"): t for n, t in tensors.items() if n.startswith("model/")}
        best = {n.removeprefix("best/"): t for n, t in tensors.items() if n.startswith("best/")}
        try:
            history = [_epoch(inner) for inner in record.items("history")]
            stopped = record.text("stopped")
            wrong = _misfits(net.state_dict(), model) or _misfits(net.state_dict(), best, some=True)
            if wrong:
                raise damaged(str(self.folder), f"tensor {wrong[0]!r} does not fit the network")
            _restore_optimizer(optimizer, record.child("optimizer"), tensors)
            net.load_state_dict(model)
        except FileFormatError:
            raise
        except (RanvierError, RuntimeError, ValueError, TypeError, LookupError) as error:
            raise damaged(
                str(self.folder / _TRAINING.description), f"it cannot be restored ({str(error)[:300]})"
            ) from error
        return history, best, stopped

    def _compare(self, record: Record) -> None:
        for name, wanted in self.settings.items():
            found = record.data.get(name)
            if found == wanted:
                continue
            if name == "network":
                raise TrainingError(
                    f"the checkpoint in {self.folder} belongs to another network: choose another folder, or delete it."
                )
            raise TrainingError(
                f"the checkpoint in {self.folder} was made with {name}={found!r}, now it is {wanted!r}: set it back to "
                f"go on, or choose another folder to start anew."
            )


def _misfits(own: Tensors, given: Tensors, some: bool = False) -> list[str]:
    """Names of ``given`` that ``own`` lacks or has in another shape or type, and (unless ``some``) those it misses."""
    wrong = [n for n, t in given.items() if n not in own or own[n].shape != t.shape or own[n].dtype != t.dtype]
    return wrong if some else wrong + [n for n in own if n not in given]


def optimizer_settings(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What an optimiser is apart from its state: its class and numbers."""
    groups = [{n: v for n, v in group.items() if n != "params"} for group in optimizer.state_dict()["param_groups"]]
    return {"class": type(optimizer).__name__, "groups": json.loads(json.dumps(groups, default=repr))}


def _optimizer_state(optimizer: torch.optim.Optimizer, tensors: Tensors) -> dict[str, Any]:
    """Plain data for the state of an optimiser; its tensors are added to ``tensors``."""
    plain: dict[str, dict[str, Any]] = {}
    for index, entries in optimizer.state_dict()["state"].items():
        plain[str(index)] = {}
        for name, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer/{index}/{name}"] = value
            elif value is None or isinstance(value, bool | int | float | str):
                plain[str(index)][name] = value
            else:
                what = f"{type(optimizer).__name__} keeps {name} as {type(value).__name__}"
                raise TrainingError(f"{what}, which no checkpoint holds: train without checkpoint=….")
    return plain


def _restore_optimizer(optimizer: torch.optim.Optimizer, record: Record, tensors: Tensors) -> None:
    """The numbers of the optimiser stay as they are: the settings have been compared."""
    state: dict[int, dict[str, Any]] = {int(k): dict(record.child(k).data) for k in record.data}
    for path, tensor in tensors.items():
        if path.startswith("optimizer/"):
            _, index, name = path.split("/")
            state.setdefault(int(index), {})[name] = tensor
    now = optimizer.state_dict()
    shapes = {k: q.shape for k, q in enumerate(q for group in optimizer.param_groups for q in group["params"])}
    for k, entries in state.items():
        wrong = [n for n, v in entries.items() if isinstance(v, torch.Tensor) and v.ndim and v.shape != shapes.get(k)]
        if k not in shapes or wrong:
            raise damaged(record.where, f"the state of parameter {k} does not fit the optimiser")
    optimizer.load_state_dict({"state": state, "param_groups": now["param_groups"]})


def _epoch(record: Record) -> Epoch:
    rates = record.child("rates")
    valid = _score(record.child("valid")) if "valid" in record else None
    return Epoch(
        record.whole("epoch", 1), _score(record.child("train")), valid, record.number("learning_rate"),
        record.number("gradient_norm"), {n: rates.number(n) for n in rates.data}, record.number("seconds"),
    )  # fmt: skip


def _score(record: Record) -> Score:
    return Score(record.number("loss"), record.number("accuracy") if "accuracy" in record else None)
