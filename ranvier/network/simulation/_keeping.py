"""Where a simulation is kept: the folder of its records, and that of its checkpoints."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranvier.errors import RecordingError
from ranvier.network.order import GraphError
from ranvier.network.recording import Columns, ColumnsElsewhere, FolderColumns, MemoryColumns
from ranvier.network.simulation.progressed import Progressed
from ranvier.network.state.check import check_state
from ranvier.network.state.state import State
from ranvier.units.steps import nearest_steps, whole_steps

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.simulation.checkpoint import RunCheckpoint

__all__ = ["Keeping", "checkpoint_of", "columns_of", "kept_stream", "written"]


@dataclass(frozen=True)
class Keeping:
    """Where a run is kept: ``to`` is the folder of its records, ``checkpoint`` that of its checkpoints.

    ``identity`` tells the network with all its numbers, so that a checkpoint continues no other one.
    """

    identity: Callable[[], Mapping[str, Any]]
    to: str | os.PathLike[str] | None = None
    checkpoint: str | os.PathLike[str] | None = None
    interval: Any = None

    @property
    def nowhere(self) -> bool:
        """Whether nothing is asked to be kept."""
        return self.to is None and self.checkpoint is None and self.interval is None


def kept_stream(keeping: Keeping) -> int | None:
    """The random stream of the run that a checkpoint belongs to, where there is one."""
    if keeping.checkpoint is None:
        return None
    from ranvier.network.simulation.checkpoint import stream_in  # files import networks

    return stream_in(keeping.checkpoint)


def checkpoint_of(
    graph: Graph, state: State, keeping: Keeping, asked: Mapping[str, Any]
) -> tuple[RunCheckpoint | None, Progressed | None, int]:
    """The checkpoint of a run, how far it was when it was written, and the steps between two; None where there is none."""
    if keeping.checkpoint is None:
        if keeping.interval is not None:
            raise GraphError("checkpoint_every needs a folder: pass checkpoint='folder' too.")
        return None, None, 0
    from ranvier.network.simulation.checkpoint import RunCheckpoint, request_of  # files import networks

    interval = max(1, int(nearest_steps(1000, graph.dt)))
    if keeping.interval is not None:
        interval = whole_steps(keeping.interval, graph.dt, "checkpoint_every", 1)
    to = None if keeping.to is None else os.fspath(keeping.to)
    checkpoint = RunCheckpoint(keeping.checkpoint, request_of(keeping.identity(), state, {**asked, "to": to}))
    return checkpoint, checkpoint.read(lambda found: check_state(graph, found, 1)), interval


def columns_of(graph: Graph, keeping: Keeping, at: Progressed, begin: Mapping[str, Any]) -> Columns:
    """Where the records of a run go: into memory, or into its folder, which process 0 writes."""
    if keeping.to is None and keeping.checkpoint is None:
        return MemoryColumns()
    if graph.processes is not None and graph.processes.rank > 0:
        return ColumnsElsewhere(os.fspath(keeping.to or ""))
    folder = Path(keeping.to) if keeping.to is not None else Path(os.fspath(keeping.checkpoint or "")) / "records.zarr"
    return FolderColumns(folder, begin, at.recording, at.lengths)


def written(action: Callable[[], Any]) -> Any:
    """The result of ``action``; trouble with the file system becomes an error of ours."""
    try:
        return action()
    except OSError as error:
        raise RecordingError(f"the simulation cannot begin, for its recording or checkpoint: {error}") from error
