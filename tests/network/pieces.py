"""A run in pieces beside one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch

from ranvier import Network
from ranvier.units import ms

__all__ = ["same_in_pieces"]


def same_in_pieces(net: Network, record: Mapping[str, Sequence[str]], lengths: Iterable[float], stream: int) -> None:
    """Runs of ``lengths`` (ms), each from the state of the one before it, give the bits of one run: v of ``cells``, and the state."""
    lengths = tuple(lengths)
    whole = net.run(sum(lengths) * ms, stream=stream, record=record)
    state, pieces = None, []
    for length in lengths:
        part = net.run(length * ms, state, stream=stream, record=record)
        state = part.state
        pieces.append(part["cells"].v)
    np.testing.assert_array_equal(np.concatenate(pieces), whole["cells"].v)
    assert state is not None
    assert all(torch.equal(t, whole.state.tensors()[n]) for n, t in state.tensors().items())
