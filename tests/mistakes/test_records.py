"""Names of membranes and spikes in other libraries, and records in another form."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.compat import snntorch
from ranvier.errors import RanvierError
from ranvier.units import ms

X = torch.rand(20, 5, 3)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"lif1": ["mem"]}, "Did you mean 'v'"),
        ({"lif1": ["v_seq"]}, "Did you mean 'v'"),
        ({"lif1": ["spk"]}, "Did you mean 'spikes'"),
        ({"lif1": ["spike"]}, "Did you mean 'spikes'"),
        ({"lif1": ["v_pre"]}, "v_before"),
        ({"lif": ["v"]}, "Did you mean 'lif1'"),
        (["lif1"], "give names by population"),
        ({"lif1": "v"}, r"a list of names, such as \['v'\]"),
    ],
)
def test_the_error_says_the_name_here(record: Any, message: str) -> None:
    net = rv.Sequential(rv.LIF(3, tau=10 * ms), dt=1 * ms)
    with pytest.raises(RanvierError, match=message):
        net.observe(X, record=record)


def test_the_current_of_synaptic_is_i() -> None:
    net = rv.Sequential(snntorch.Synaptic(0.8, 0.9, size=3), dt=1 * ms)
    with pytest.raises(RanvierError, match="Did you mean 'i'"):
        net.observe(X, record={"synaptic1": ["syn"]})
