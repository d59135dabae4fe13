"""Networks on disk: a readable description and plain tensors, nothing pickled."""

from __future__ import annotations

import os
from pathlib import Path

from ranvier.errors import FileFormatError, RanvierError
from ranvier.network.network import Network
from ranvier.network.saving import NETWORK, Record, damaged, describe, read_pair, rebuild, write_pair

__all__ = ["load", "save"]

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
    own = (*net._parameters, *net._buffers, *net._modules)
    extra = [n for n in own if n not in ("populations", "projections", "_probe")]
    if extra:
        raise FileFormatError(
            f"{extra[0]!r} is a tensor or module beside the parts of the network, which a file cannot hold: save the numbers, "
            f"torch.save(net.state_dict(), path), or take it out, del net.{extra[0]}."
        )
    if net.device.type == "meta":
        raise FileFormatError(
            "the network is on the device 'meta', which holds no numbers to save: save it before net.to('meta')."
        )
    description, tensors = describe(net)
    if not isinstance(folder, str | os.PathLike):
        raise FileFormatError(f"{folder!r} is not a path: give a folder for the network.")
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
