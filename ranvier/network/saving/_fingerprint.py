"""The dependencies of a network's numbers, derived from the description for files."""

from __future__ import annotations

import json
from typing import Any

from torch import nn

from ranvier.network.network import Network
from ranvier.network.saving._graph import FORMAT, Tensors, describe_parts, named_in_files
from ranvier.network.saving._plain import digest, plain

__all__ = ["fingerprint"]

#: entries without effect on a result
_IDLE = ("versions", "training")
#: buffers that training moves
_RUNNING = ("running_mean", "running_var", "num_batches_tracked")


def fingerprint(net: Network, *, learnt: bool) -> dict[str, Any]:
    """The description of ``net`` with a hash of every array; ``learnt`` counts what training moves as well.

    Parts of a user's own class are compared by class name and public attributes, not by code.
    """
    tensors: Tensors = {}
    description = describe_parts(net, tensors, unknown=plain)
    own = {n: t for n, t in named_in_files(net, "_buffers", once=False).items() if t.numel()}
    if learnt:
        own |= named_in_files(net, "_parameters", once=False)
    else:
        own = {n: t for n, t in own.items() if n.rpartition(".")[2] not in _RUNNING}
    hashes = {n: digest(t) for n, t in sorted({**tensors, **own}.items()) if not isinstance(t, nn.Parameter) or learnt}
    told = {"format": FORMAT, **{n: v for n, v in description.items() if n not in _IDLE}, "tensors": hashes}
    return json.loads(json.dumps(told))
