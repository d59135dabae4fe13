"""States on disk: one file of plain tensors, nothing pickled."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from ranvier._files import replace_file, sweep
from ranvier.errors import FileFormatError
from ranvier.limits import plain_file
from ranvier.network.saving import damaged, pieces_of
from ranvier.network.state.check import check_form
from ranvier.network.state.state import State

__all__ = ["load_state", "save_state"]

_STATE = "ranvier state 1"
_COUNT = re.compile(r"[0-9]{1,19}")


def save_state(state: State, path: str | os.PathLike[str]) -> None:
    """Save a state as one safetensors file, whole or not at all.

    Raises
    ------
    StateError
        Where it is no state, or holds something other than tensors.
    WriteError
        From the file system; it names the file and the remedy.

    >>> run = net.run(100*ms)
    >>> rv.save_state(run.state, "after-100ms.safetensors")
    """
    check_form(state)
    header = {"format": _STATE, "step": str(state.step), "stream": str(state.stream)}
    header |= {} if state.dt is None else {"dt": repr(state.dt)}
    header |= {"times": "\n".join(sorted(state.times))} if state.times else {}
    path = Path(path)
    replace_file(path, pieces_of(state.tensors(), header))
    sweep(path.parent, path.name)


def load_state(path: str | os.PathLike[str]) -> State:
    """The state that :func:`save_state` wrote, on the CPU.

    Raises
    ------
    FileFormatError
        Where the file is missing, damaged or holds something else.

    >>> rv.save_state(net.initial_state(), "start.safetensors")
    >>> run = net.run(10*ms, rv.load_state("start.safetensors"))
    """
    path = plain_file(path, "saved state")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors: dict[str, torch.Tensor] = {n: file.get_tensor(n) for n in sorted(file.keys())}
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise damaged(str(path), f"it is not a safetensors file ({str(error)[:200]})") from error
    whole = all(_COUNT.fullmatch(header.get(name, "")) for name in ("step", "stream"))
    if header.get("format") != _STATE or not whole or not all(_is_state_name(n) for n in tensors):
        raise FileFormatError(
            f"{path} holds no saved state (its format is {str(header.get('format'))[:100]!r}): give another file."
        )
    dt, times = _step_length(header, path), frozenset(header.get("times", "").splitlines())
    return State.from_tensors(int(header["step"]), int(header["stream"]), tensors, dt, times)


def _step_length(header: dict[str, str], path: Path) -> float | None:
    """The dt of a state in ms; None in files of earlier versions."""
    if "dt" not in header:
        return None
    try:
        dt = float(header["dt"])
    except ValueError:
        dt = math.nan
    if not 0 < dt < math.inf:
        raise damaged(str(path), f"its dt is {header['dt']!r}, no positive time")
    return dt


def _is_state_name(name: str) -> bool:
    kind, *rest = name.split("/")
    return all(rest) and len(rest) == {"variables": 2, "synapses": 2, "history": 1}.get(kind, -1)
