"""Joining the processes that a launcher has started."""

from __future__ import annotations

import atexit
import os
from datetime import timedelta
from typing import Any

from ranvier.distributed._processes import Processes
from ranvier.errors import DimensionError, ProcessError
from ranvier.units import UNITS, as_quantity

__all__ = ["join"]

_MS = UNITS["ms"].dimension


def join(limit: Any = None) -> Processes:
    """The processes started together with this one, for ``rv.Network(…, processes=…)``.

    ``torchrun --nproc-per-node=4 script.py`` starts four. ``python script.py`` runs the same script in one process. The processes
    communicate through ``torch.distributed`` (gloo over TCP), in the group that ``torch.distributed.init_process_group`` made if
    there is one.

    Parameters
    ----------
    limit
        Time to wait for another process; 5 minutes by default. After this time, or when another process ends, a call
        raises ``ProcessError``.

    Raises
    ------
    ProcessError
        Where the other processes cannot be reached.

    >>> net = rv.Network(dt=0.1*ms, seed=1, processes=rv.distributed.join())
    """
    seconds = 300.0 if limit is None else _seconds(limit)
    from torch import distributed  # slow to import

    if not distributed.is_available():
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise ProcessError("this torch is built without torch.distributed: run the script in one process.")
        return Processes()
    if not distributed.is_initialized():
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return Processes()
        try:
            distributed.init_process_group("gloo", timeout=timedelta(seconds=seconds))
        except (RuntimeError, ValueError) as error:
            raise ProcessError(
                "the other processes cannot be reached: start the script with torchrun, which tells each process its rank and the "
                "address of the first."
            ) from error
        atexit.register(_leave)
    if distributed.get_world_size() == 1:
        return Processes()
    group = distributed.new_group(timeout=timedelta(seconds=seconds), backend="gloo")
    if not isinstance(group, distributed.ProcessGroup):
        raise ProcessError(
            "torch.distributed made no group that contains this process: call rv.distributed.join() in all processes."
        )
    return Processes(distributed.get_rank(), distributed.get_world_size(), group)


def _leave() -> None:
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()


def _seconds(limit: Any) -> float:
    quantity = as_quantity(limit)
    if quantity.dimension != _MS:
        raise DimensionError(f"limit={limit!r} has dimension {quantity.dimension}; give a time, for example 60*second.")
    seconds = float(quantity.value) / 1000
    if not 0 < seconds < float("inf"):
        raise ProcessError(f"limit={limit!r} must be a positive time, for example 60*second.")
    return seconds
