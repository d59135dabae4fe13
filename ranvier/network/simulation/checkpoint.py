"""A simulation on disk: all that its next step depends on, replaced in one atomic step."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ranvier.errors import FileFormatError, RanvierError, StateError
from ranvier.network.saving import (
    Kind,
    Record,
    damaged,
    differences,
    digest,
    holds_pair,
    plain,
    read_pair,
    shown,
    tidy,
    write_pair,
)
from ranvier.network.simulation.progressed import Progressed
from ranvier.network.state.state import State

__all__ = ["RunCheckpoint", "request_of", "stream_in"]

RUN = Kind("run", "run.json", "state", 2)
Tensors = dict[str, torch.Tensor]


class RunCheckpoint:
    """The checkpoint of one run in a folder; ``request`` is what its result depends on, and another one is refused."""

    def __init__(self, folder: str | os.PathLike[str], request: Mapping[str, Any]) -> None:
        self.folder, self.request = Path(folder), json.loads(json.dumps(request))

    def write(self, at: Progressed) -> None:
        """Replace what is there.

        Raises
        ------
        WriteError
            From the file system; the checkpoint before stays.
        """
        tensors: Tensors = {f"state/{n}": t for n, t in at.state.tensors().items()}
        for n, arrays in at.statistics.items():
            tensors |= {f"statistics/{n}/{k}": torch.from_numpy(np.ascontiguousarray(v)) for k, v in arrays.items()}
        described = {"request": self.request, "step": at.state.step, "stream": at.state.stream, "first": at.first}
        described |= {"done": at.done, "seconds": at.seconds, "lengths": dict(at.lengths), "recording": at.recording}
        write_pair(self.folder, RUN, described, tensors)

    def read(self, checked: Callable[[State], State]) -> Progressed | None:
        """The progress of the run; None where the folder holds no checkpoint yet. ``checked`` checks its state.

        Raises
        ------
        StateError
            Where it belongs to another run.
        FileFormatError
            Where it is damaged.
        """
        if not holds_pair(self.folder, RUN):
            return None
        described, tensors = read_pair(self.folder, RUN)
        record = Record(described, str(self.folder / RUN.description))
        for path, found, wanted in differences(record.child("request").data, self.request):
            raise StateError(
                f"the checkpoint in {self.folder} belongs to a run with {path}={shown(found)}, now it is {shown(wanted)}: "
                f"set it back to go on, or choose another folder to start anew."
            )
        tidy(self.folder, RUN, described["tensors"]["sha256"])
        try:
            return self._progressed(record, tensors, checked)
        except FileFormatError:
            raise
        except (RanvierError, ValueError, LookupError, TypeError) as error:
            raise damaged(str(self.folder), f"it cannot be restored ({str(error)[:300]})") from error

    def _progressed(self, record: Record, tensors: Tensors, checked: Callable[[State], State]) -> Progressed:
        state: Tensors = {}
        statistics: dict[str, dict[str, np.ndarray]] = {}
        for path, tensor in tensors.items():
            kind, _, rest = path.partition("/")
            if kind == "state":
                state[rest] = tensor
            elif kind == "statistics" and rest.count("/") == 1:
                n, _, k = rest.partition("/")
                statistics.setdefault(n, {})[k] = tensor.numpy()
            else:
                raise damaged(record.where, f"tensor {path!r} belongs to no part of a run")
        step, first, done = (record.whole(n) for n in ("step", "first", "done"))
        if step != first + done or first != self.request["state"]["step"] or done > self.request["steps"]:
            raise damaged(
                record.where, f"step {step} is not {done} of {self.request['steps']} steps after step {first}"
            )
        if record.whole("stream") != self.request["state"]["stream"]:
            raise record.error("stream", f"{self.request['state']['stream']}, with which the run began")
        found, rows = checked(State.from_tensors(step, record.whole("stream"), state)), record.child("lengths")
        lengths, recording = {n: rows.whole(n) for n in rows.data}, record.text("recording")
        return Progressed(found, first, done, record.number("seconds"), lengths, statistics, recording)


def stream_in(folder: str | os.PathLike[str]) -> int | None:
    """The random stream of the run whose checkpoint a folder holds; None where it holds none."""
    if not holds_pair(Path(folder), RUN):
        return None
    described, _ = read_pair(Path(folder), RUN)
    return Record(described, str(Path(folder) / RUN.description)).whole("stream")


def request_of(network: Mapping[str, Any], state: State, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The dependencies of a run's result: the ``network`` with its numbers, the first state and the request."""
    start = {"step": state.step, "stream": state.stream, **{n: digest(t) for n, t in state.tensors().items()}}
    return {"dt": state.dt, **plain(dict(asked)), "network": network, "state": start}
