"""Networks and states on disk: a readable description and plain tensors, nothing pickled."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from ranvier._files import replace_file, sweep
from ranvier.errors import FileFormatError, RanvierError
from ranvier.limits import plain_file
from ranvier.network.network import Network
from ranvier.network.saving import NETWORK, Record, damaged, describe, read_pair, rebuild, write_pair
from ranvier.network.state.state import State

__all__ = ["load", "load_state", "save", "save_state"]

_STATE = "ranvier state 1"
_COUNT = re.compile(r"[0-9]{1,19}")
#: what a part that is given impossible things may raise besides the errors of the package
_REFUSALS = (
    RanvierError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RuntimeError,
    MemoryError,
    SyntaxError,
)


def save(net: Network, folder: str | os.PathLike[str]) -> None:
    """Save a network so that it loads without the code that made it.

    The folder holds ``network.json`` (equations, values, sizes, projections, latencies, step, seed and versions, to be
    read by people too) and ``weights-….safetensors``, named after its own hash. A saved network that is there already
    is replaced in one atomic step at the end; if anything fails before, it is untouched.

    Parameters
    ----------
    net
        The network; its transforms must be ranvier's own or plain torch modules.
    folder
        A new or empty folder, or one with a saved network in it.

    Raises
    ------
    FileFormatError
        Where a part is of a class that a file cannot hold, or the folder holds something else.
    WriteError
        From the file system, for example where the disk is full; it names the file and the remedy.

    Examples
    --------
    >>> rv.save(net, "model/")
    >>> net = rv.load("model/")
    """
    if not isinstance(net, Network):
        raise FileFormatError(f"save takes a network, got {type(net).__name__}: give rv.Network or rv.Sequential.")
    description, tensors = describe(net)
    write_pair(Path(folder), NETWORK, description, tensors)


def load(folder: str | os.PathLike[str]) -> Network:
    """The network that :func:`save` wrote, with equal outputs and ``state_dict`` to the last bit, on the CPU.

    Nothing is unpickled or executed: equations go through the equation parser, modules are made from a fixed list, and
    every size, index and hash is checked first.

    Raises
    ------
    FileFormatError
        Where the folder is damaged, swapped, hostile or of an unknown version; the message says what to do.

    >>> rv.save(net, "model/")
    >>> net = rv.load("model/")
    """
    if not isinstance(folder, str | os.PathLike):
        raise FileFormatError(f"{folder!r} is not a path: give the folder of a saved network.")
    try:
        description, tensors = read_pair(Path(folder), NETWORK)
    except OSError as error:
        raise FileFormatError(
            f"{str(folder)[:200]!r} cannot be opened ({error.strerror}): give another folder."
        ) from error
    try:
        return rebuild(Record(description, NETWORK.description), tensors)
    except FileFormatError:
        raise
    except _REFUSALS as error:
        where = f"{NETWORK.description} in {folder}"
        raise damaged(where, f"it describes no network that can be built ({str(error)[:300]})") from error


def save_state(state: State, path: str | os.PathLike[str]) -> None:
    """Save a state as one safetensors file, whole or not at all.

    Raises
    ------
    WriteError
        From the file system; it names the file and the remedy.

    >>> run = net.run(100*ms)
    >>> rv.save_state(run.state, "after-100ms.safetensors")
    """
    tensors = {n: t.detach().cpu().contiguous().clone() for n, t in state.tensors().items()}
    header = {"format": _STATE, "step": str(state.step), "stream": str(state.stream)}
    header |= {} if state.dt is None else {"dt": repr(state.dt)}
    header |= {"times": "\n".join(sorted(state.times))} if state.times else {}
    path = Path(path)
    replace_file(path, to_bytes(tensors, header))
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
