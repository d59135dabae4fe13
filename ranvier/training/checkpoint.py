"""Training on disk: after every epoch, all that the next one depends on, replaced in one atomic step."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ranvier.errors import FileFormatError, RanvierError, TrainingError, WriteError
from ranvier.network.keys import Names
from ranvier.network.saving import (
    Kind,
    Record,
    damaged,
    differences,
    holds_pair,
    read_pair,
    shown,
    tidy,
    write_pair,
)
from ranvier.training._course import Course, moving
from ranvier.training._fit import Epoch
from ranvier.training._optimizer_state import optimizer_state, restore_optimizers
from ranvier.training.metrics import Score

__all__ = ["Checkpoint"]

TRAINING = Kind("training", "training.json", "tensors", 3)
Tensors = dict[str, torch.Tensor]


class Checkpoint:
    """The checkpoint of one training in a folder.

    ``settings`` are what the numbers depend on; a checkpoint made with others is refused. Batch order and random
    numbers are functions of the seed and the epoch, so no generator needs saving.
    """

    def __init__(self, folder: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
        self.folder, self.settings = Path(folder), json.loads(json.dumps(settings))

    def write(self, course: Course) -> None:
        """Replace the checkpoint by one after the last epoch of a training.

        Raises
        ------
        WriteError
            From the file system; the checkpoint before stays.
        """
        averages = course.averages
        parts = {
            "model": moving(course.net), "best": course.best, "average": {} if averages is None else averages.values,
            "stream": course.source.state(),
        }  # fmt: skip
        tensors = {f"{part}/{n}": t for part, own in parts.items() for n, t in own.items()}
        described = {
            "settings": self.settings,
            "stopped": course.stopped,
            "history": [asdict(epoch) for epoch in course.history],
            "optimizer": optimizer_state(course.optimizers, tensors),
            "plan": course.plan,
            "scales": course.scales.factors,
            "updates": course.updates,
            "averaged": 0 if averages is None else averages.count,
            "loss_scale": [course.mixed.scale, course.mixed.clean],
        }
        try:
            write_pair(self.folder, TRAINING, described, tensors)
        except WriteError as error:
            done = len(course.history)
            before = (
                f"that of epoch {done - 1} stands, and the same call goes on from there"
                if done > 1
                else "there is none"
            )
            raise WriteError(f"epoch {done} is done, but not its checkpoint ({before}): {error}") from error

    def read(self, course: Course) -> None:
        """Restore a training from its last checkpoint; without one in the folder nothing is changed.

        Raises
        ------
        TrainingError
            Where the checkpoint belongs to another network or to other settings.
        FileFormatError
            Where it is damaged.
        """
        if not holds_pair(self.folder, TRAINING):
            return
        description, tensors = read_pair(self.folder, TRAINING)
        record = Record(description, str(self.folder / TRAINING.description))
        self._compare(record.child("settings"))
        short = Names(
            course.net.populations, course.net.projections
        ).short  # earlier checkpoints hold paths of the tree
        model, best, mean = (
            {short(n): t for n, t in _part(tensors, part).items()} for part in ("model", "best", "average")
        )
        own, averages, stream = moving(course.net), course.averages, _part(tensors, "stream")
        try:
            history = [_epoch(inner) for inner in record.items("history")]
            stopped = record.text("stopped")
            scored = {
                (e.chosen, e.larger, *e.train.metrics, "", *(e.valid.metrics if e.valid else ())) for e in history
            }
            if len(scored) > 1 or any(e.chosen not in ("loss", *e.train.metrics) for e in history):
                raise record.error("history", "the same metrics in every epoch")
            if [epoch.epoch for epoch in history] != list(range(1, len(history) + 1)):
                raise record.error("history", "epochs 1, 2, … without a gap")
            _check_tensors(record, own, model, "model")
            if best:
                _check_tensors(record, own, best, "best")
            odd = [n for n in tensors if n.partition("/")[0] not in ("model", "best", "average", "optimizer", "stream")]
            if odd:
                raise damaged(record.where, f"tensor {odd[0]!r} belongs to no part of a training")
            updates, averaged = record.whole("updates"), record.whole("averaged")
            scale, clean = record.numbers("loss_scale") if "loss_scale" in record else (course.mixed.scale, 0)
            if math.frexp(scale)[0] != 0.5 or clean < 0 or clean != int(clean):
                raise record.error("loss_scale", "a power of two and a number of updates")
            if mean or averaged:
                _check_tensors(record, {} if averages is None else dict(averages.parameters), mean, "average")
            factors = {short(n): record.child("scales").number(n) for n in record.child("scales").data}
            if factors.keys() != course.scales.factors.keys() or any(
                math.frexp(s)[0] != 0.5 or s <= 0 for s in factors.values()
            ):
                raise record.error("scales", f"powers of two for {', '.join(course.scales.factors) or 'no parameter'}")
            course.source.restore(stream)
            restore_optimizers(course.optimizers, record.child("optimizer"), tensors)
            course.net.load_state_dict(model, strict=False)
            course.scales.factors = factors
        except FileFormatError:
            raise
        except (RanvierError, RuntimeError, ValueError, TypeError, LookupError) as error:
            raise damaged(record.where, f"it cannot be restored ({str(error)[:300]})") from error
        tidy(self.folder, TRAINING, description["tensors"]["sha256"])
        course.history, course.best, course.stopped, course.updates = history, best, stopped, updates
        course.mixed.scale, course.mixed.clean = scale, int(clean)
        if averages is not None:
            averages.values, averages.count = {n: mean[n] for n in averages.parameters if mean}, averaged

    def _compare(self, record: Record) -> None:
        for path, found, wanted in differences(record.data, self.settings):
            part, _, inner = path.partition(".")
            if part == "network":
                raise TrainingError(
                    f"the checkpoint in {self.folder} belongs to another network: {inner} was {shown(found)}, now it is "
                    f"{shown(wanted)}. Set it back to go on, or choose another folder to start anew."
                )
            raise TrainingError(
                f"the checkpoint in {self.folder} was made with {path}={shown(found)}, now it is {shown(wanted)}: set it "
                f"back to go on, or choose another folder to start anew."
            )


def _check_tensors(record: Record, own: Tensors, given: Tensors, part: str) -> None:
    """Check that ``given`` has exactly the tensors of ``own``, in shape and type, and finite."""
    for name in sorted(own.keys() | given.keys()):
        here, there = own.get(name), given.get(name)
        if here is None or there is None:
            raise damaged(record.where, f"tensor {part}/{name} is {'missing' if there is None else 'too many'}")
        if (here.shape, here.dtype) != (there.shape, there.dtype):
            found = f"is {there.dtype} {list(there.shape)}, the network has {here.dtype} {list(here.shape)}"
            raise damaged(record.where, f"tensor {part}/{name} {found}")
        if there.is_floating_point() and not bool(torch.isfinite(there).all()):
            raise damaged(record.where, f"tensor {part}/{name} is not finite")


def _part(tensors: Tensors, part: str) -> Tensors:
    """The tensors of one part of a training, by their own names."""
    start = f"{part}/"
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}


def _epoch(record: Record) -> Epoch:
    rates = record.child("rates")
    valid = _score(record.child("valid")) if "valid" in record else None
    return Epoch(
        record.whole("epoch", 1), _score(record.child("train")), valid, record.number("learning_rate"),
        record.number("gradient_norm"), {n: rates.number(n) for n in rates.data}, record.number("seconds"),
        record.text("chosen"), record.flag("larger"), tuple(record.numbers("group_rates")),
    )  # fmt: skip


def _score(record: Record) -> Score:
    metrics = record.child("metrics")
    return Score(record.number("loss"), {n: metrics.number(n) for n in metrics.data})
