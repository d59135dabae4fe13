"""A simulation on disk: all that its next step depends on, replaced in one atomic step."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.errors import FileFormatError, StateError
from ranvier.network._progressed import Progressed
from ranvier.network._saving import Kind, Record, damaged, read_pair, write_pair
from ranvier.network._saving._sources import encode_source
from ranvier.network._sources import Source
from ranvier.network._state import State
from ranvier.synapses import Plasticity

if TYPE_CHECKING:
    from ranvier.network._network import Network

__all__ = ["RunCheckpoint", "fingerprint_of"]

_RUN = Kind("run", "run.json", "state", 1)
_ADDED = frozenset({"dt"})  # what checkpoints of earlier versions do not name
Tensors = dict[str, torch.Tensor]


class RunCheckpoint:
    """The checkpoint of one run in a folder; ``request`` is what its result depends on, and another one is refused."""

    def __init__(self, folder: str | os.PathLike[str], request: Mapping[str, Any]) -> None:
        self.folder, self.request = Path(folder), json.loads(json.dumps(request))

    def write(self, at: Progressed) -> None:
        """Replace what is there.

        Raises
        ------
        OSError
            From the file system; the checkpoint before stays.
        """
        tensors: Tensors = {f"state/{n}": t for n, t in at.state.tensors().items()}
        for n, arrays in at.statistics.items():
            tensors |= {f"statistics/{n}/{k}": torch.from_numpy(np.ascontiguousarray(v)) for k, v in arrays.items()}
        described = {"request": self.request, "step": at.state.step, "stream": at.state.stream, "first": at.first}
        described |= {"done": at.done, "seconds": at.seconds, "lengths": dict(at.lengths)}
        write_pair(self.folder, _RUN, described, tensors)

    def read(self) -> Progressed | None:
        """Where the run was; None where the folder holds no checkpoint yet.

        Raises
        ------
        StateError
            Where it belongs to another run.
        FileFormatError
            Where it is damaged.
        """
        if not (self.folder / _RUN.description).exists():
            return None
        described, tensors = read_pair(self.folder, _RUN)
        record = Record(described, str(self.folder / _RUN.description))
        found = record.child("request").data
        for name, wanted in self.request.items():
            if found.get(name, wanted if name in _ADDED else None) != wanted:
                raise StateError(
                    f"the checkpoint in {self.folder} belongs to a run with {name}={found.get(name)!r}, now it is "
                    f"{wanted!r}: set it back to go on, or choose another folder to start anew."
                )
        try:
            state = {n.removeprefix("state/"): t for n, t in tensors.items() if n.startswith("state/")}
            statistics: dict[str, dict[str, np.ndarray]] = {}
            for path, t in tensors.items():
                if path.startswith("statistics/"):
                    _, n, k = path.split("/")
                    statistics.setdefault(n, {})[k] = t.numpy()
            rows = record.child("lengths")
            return Progressed(
                State.from_tensors(record.whole("step"), record.whole("stream"), state, self.request["dt"]), record.whole("first"),
                record.whole("done"), record.number("seconds"), {n: rows.whole(n) for n in rows.data}, statistics,
            )  # fmt: skip
        except (ValueError, LookupError, TypeError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise damaged(str(self.folder), f"it cannot be restored ({str(error)[:200]})") from error


def fingerprint_of(net: Network, state: State) -> str:
    """A hash of the network, with its numbers and sources, and of the state it starts from."""
    digest = hashlib.sha256()
    cells = {
        n: [p.cell.equations, p.cell.threshold, p.cell.reset, p.cell.method, p.shape]
        for n, p in net.populations.items()
    }
    joins = {n: [p.pre, p.post, p.port, None if p.per_synapse else p.latency] for n, p in net.projections.items()}
    rules = {n: _rule(p.plasticity.rule) for n, p in net.projections.items() if p.plasticity}
    tensors: Tensors = {}
    sources = {n: _source(s, n, tensors) for n, s in net.sources.items()}
    digest.update(json.dumps([net.dt, net.seed, str(net.dtype), cells, joins, rules, sources], default=str).encode())
    for n, t in (*net.state_dict().items(), *tensors.items(), *state.tensors().items()):
        digest.update(n.encode())
        digest.update(np.ascontiguousarray(t.detach().cpu().numpy()).tobytes())
    digest.update(str((state.step, state.stream)).encode())
    return digest.hexdigest()[:16]


def _rule(rule: Plasticity) -> dict[str, str]:
    """What a plasticity rule says, as text."""
    return {n: str(v) for n, v in vars(rule).items() if isinstance(v, str | int | float | Mapping | tuple)}


def _source(source: Source, name: str, tensors: Tensors) -> Any:
    """A source as plain data; of a class that files do not hold, what it says of itself."""
    try:
        return encode_source(source, name, tensors)
    except FileFormatError:
        return repr(source)
