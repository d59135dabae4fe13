"""Guarded readers without the process between: for long tests, whose own processes may end with a file."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from ranvier.limits import child, guard
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


def isolated(target: Target, patch: pytest.MonkeyPatch) -> Target:
    """``target``, whose readers work in the processes that read damaged files, and behind the guard in this one."""
    here, this, usual = _Here(), os.getpid(), guard._worker
    patch.setattr(guard, "_BASE", _SECONDS)
    patch.setattr(guard, "_worker", lambda: usual() if os.getpid() == this else here)
    return replace(target, isolated=True)
