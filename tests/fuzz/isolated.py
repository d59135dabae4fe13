"""Guarded readers without the process between: for long tests, whose own processes may end with a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from ranvier.limits import child
from ranvier.limits.guard import Guard, Reader, use
from tests.fuzz.engine import Target

__all__ = ["isolated"]

#: seconds of processor time for a small file; one damaged file in a hundred makes HDF5 loop without end
_SECONDS = 0.25


class _Here:
    """The part of the guard that reads, in this process; nothing is sent and nothing forked."""

    alive = True
    owner = 0
    forbids = False

    def ask(self, job: dict[str, Any], seconds: float) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        if not self.forbids:
            child.forbid()
            self.forbids = True
        for needed in job["needs"]:
            import_module(needed)
        return child.read(job)


@contextmanager
def isolated(target: Target) -> Iterator[Target]:
    """``target``, whose readers work in the processes that read damaged files, and behind a guard in this one."""
    here, this = _Here(), os.getpid()
    with use(Guard(lambda: Reader() if os.getpid() == this else here, seconds=_SECONDS)) as guard:  # pyright: ignore[reportArgumentType]
        yield replace(target, isolated=True)
    if guard.reader is not None:
        guard.reader.close()
