"""Energy models give what their published formulas give; nothing is mixed, and what is left out is named."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from functools import cache

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms
from tests.measure import lemaire_peer

MODELS = rv.measure.ENERGY_MODELS
RECORDED = json.loads(lemaire_peer.WITNESS.read_text("utf-8"))


def linear_lif_linear(bias: bool = False) -> rv.Sequential:
    cells = rv.compat.spikingjelly.LIFNode(tau=2.0, decay_input=False, v_reset=None)
    net = rv.Sequential(rv.Linear(20, 30, bias=bias), cells, rv.Linear(30, 3, bias=bias), dt=1 * ms)
    for projection in net.projections.values():
        held = projection.chain[0]
        held.weight.data.copy_(lemaire_peer.weight(*held.weight.shape))
        if bias:
            held.bias.data.zero_()
    return net


@cache
def counts_of(batch: int = 1, bias: bool = False) -> rv.measure.Operations:
    return rv.measure.operations(linear_lif_linear(bias), lemaire_peer.spikes().expand(-1, batch, -1))


def ordinary() -> rv.measure.Operations:
    net = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 3))
    torch.nn.init.constant_(net[0].weight, 0.3)
    return rv.measure.operations(net, torch.full((4, 20), 0.7))


def test_lemaire_equals_spikingjelly() -> None:
    found, theirs = rv.measure.energy(counts_of())["lemaire"].parts, RECORDED["without_bias"]
    parts = theirs["parts"]
    assert theirs["counts"]["write_out_bytes"] > 0, "silence proves nothing"
    assert found.total == pytest.approx(theirs["total"], rel=1e-12)
    assert found.compute == pytest.approx(parts["ops_pj"], rel=1e-12)
    assert found.addressing == pytest.approx(parts["addressing_pj"], rel=1e-12)
    assert found.memory == pytest.approx(parts["inout_pj"] + parts["params_pj"], rel=1e-12)
    assert found.state == pytest.approx(parts["potential_pj"], rel=1e-12)


def test_what_biases_add_explains_all_of_the_difference() -> None:
    """A bias is an addition and a read for each output and step there, and nothing here."""
    ours, model = rv.measure.energy(counts_of(bias=True))["lemaire"].parts, MODELS["lemaire"]
    counts, outputs = counts_of(bias=True), {"linear1": 300, "linear2": 30}
    added = sum(outputs.values()) * model.add
    for name, read in outputs.items():
        row = counts[name]
        size = 4 * row.weights
        added += (row.acs + read) * model.access(size + 4 * read // 10) - row.acs * model.access(size)
    assert ours.total + added == pytest.approx(RECORDED["with_bias"]["total"], rel=1e-12)


@pytest.mark.peers("spikingjelly")
def test_spikingjelly_gives_what_is_recorded() -> None:
    for name in ("without_bias", "with_bias"):
        found = lemaire_peer.estimate(name == "with_bias")
        assert found["parts"] == pytest.approx(RECORDED[name]["parts"])
        assert found["counts"] == RECORDED[name]["counts"]


def test_every_model_by_hand() -> None:
    counts = counts_of()
    acs, spikes, events = counts.acs, counts["lifnode1"].spikes, counts["linear1"].events + counts["linear2"].events
    found = rv.measure.energy(counts, models=list(MODELS))
    assert found["fp32"].parts == (acs * 0.9, 0, 0, 0, "")
    assert found["int8"].parts.total == pytest.approx(acs * 0.03)
    assert found["loihi"].parts.total == pytest.approx(acs * 23.6 + spikes * 1.7 + 300 * 81)
    assert found["truenorth"].parts.total == pytest.approx(acs * 26)
    near = found["hierarchy"].parts  # weights 2760 bytes and constants in 8 kB, 30 potentials in registers
    assert near.memory == pytest.approx(acs * (5 + 2) + events)
    assert near.state == 2 * 300
    assert found.spread == pytest.approx(found["step"].parts.total / found["int8"].parts.total)


def test_batches_change_nothing() -> None:
    one, seven = (rv.measure.energy(counts_of(batch), models=list(MODELS)) for batch in (1, 7))
    for a, b in zip(one.estimates, seven.estimates, strict=True):
        assert a.parts[:4] == pytest.approx(b.parts[:4])
        assert a.break_even == pytest.approx(b.break_even)


def test_an_ordinary_network_has_dense_costs_and_no_rate() -> None:
    counts = ordinary()
    found = rv.measure.energy(counts, models=["lemaire", "loihi"])
    lemaire, model = found["lemaire"].parts, MODELS["lemaire"]
    assert lemaire.compute == pytest.approx((600 + 90) * 3.2)
    read = [20 * model.access(80), 600 * model.access(2400), 30 * model.access(120)]
    read += [30 * model.access(120), 90 * model.access(360), 3 * model.access(12)]
    assert lemaire.memory == pytest.approx(sum(read))
    assert found["lemaire"].break_even is None
    assert "MACs" in found["loihi"].parts.left_out
    assert found.spread is None  # the chip cannot run it


def test_a_convolution_pays_for_addresses() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False))
    counts = rv.measure.operations(net, torch.ones(1, 1, 5, 5))
    row = counts["0"]
    assert (row.convolved, row.acs, row.steps) == (25, 18 * 9, 1)
    assert rv.measure.energy(counts)["lemaire"].parts.addressing == pytest.approx(18 * 9 * 0.1 + 2 * 25 * 3.2)


def test_the_break_even_rate_is_where_both_cost_the_same() -> None:
    """Spikes scaled by hand to the rate cost what the twin costs."""
    counts = counts_of()
    for estimate in rv.measure.energy(counts, models=["fp32", "lemaire", "hierarchy"]).estimates:
        assert estimate.break_even is not None
        assert estimate.twin is not None
        k = estimate.break_even / counts.rate
        rows = (
            replace(r, acs=r.acs * k, events=r.events * k, convolved=r.convolved * k, spikes=r.spikes * k)
            for r in counts.rows
        )
        assert estimate.model.parts(replace(counts, rows=tuple(rows))).total == pytest.approx(estimate.twin.total)


def test_compute_alone_breaks_even_at_the_bits_over_the_steps() -> None:
    """With b additions for a product, T r b' = b: the rate of all events is b / T where inputs and cells fire alike."""
    net = rv.Sequential(rv.Linear(20, 30, bias=False), rv.LIF(30), dt=1 * ms)
    counts = rv.measure.operations(net, lemaire_peer.spikes())
    estimate = rv.measure.energy(counts, models=["int32"])["int32"]
    row = counts["linear1"]
    if counts.rate:
        assert estimate.break_even == pytest.approx(counts.rate * (4 / 10) / (row.events / row.inputs))
    assert estimate.twin is not None
    assert estimate.twin.total == pytest.approx(600 * 4 * 0.1)


def test_bits_of_steps() -> None:
    assert [rv.measure.bits_of(t) for t in (1, 2, 3, 4, 5, 7, 8, 31, 32)] == [1, 2, 2, 3, 3, 3, 4, 5, 6]


def test_a_price_is_edited() -> None:
    cheap = replace(MODELS["loihi"], name="half", synapse=11.8)
    found = rv.measure.energy(counts_of(), models=["loihi", cheap])
    assert found["half"].parts.compute == pytest.approx(found["loihi"].parts.compute / 2)
    with pytest.raises(FrozenInstanceError):
        cheap.synapse = 1.0  # type: ignore[misc]


def test_the_table_says_what_it_is() -> None:
    text = str(rv.measure.energy(counts_of()))
    for words in ("not measurements", "accuracy is not known", "4 bits", "break-even", "Horowitz", "no memory"):
        assert words in text
    assert len(rv.measure.energy(counts_of()).estimates) >= 4
    left = rv.measure.operations(nn.Sequential(nn.Linear(2, 2), nn.Softmax(1)), torch.rand(1, 2))
    assert "softmax in 1" in str(rv.measure.energy(left))


def test_every_published_model_has_words() -> None:
    for name, model in MODELS.items():
        assert model.name == name
        assert model.source
        assert model.boundary


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: rv.measure.energy(3), "int"),
        (lambda: rv.measure.energy(counts_of(), models=["loihi2"]), "'loihi2' is unknown"),
        (lambda: rv.measure.energy(counts_of(), models="fp32"), "must be a list"),
        (lambda: rv.measure.energy(counts_of(), models=[]), "must be a list"),
        (lambda: rv.measure.energy(counts_of(), models=[3.0]), "float is no model"),
        (lambda: rv.measure.energy(counts_of(), models=["fp32", "fp32"]), "share a name"),
        (lambda: rv.measure.energy(counts_of(), twin=counts_of()), "fires"),
        (lambda: rv.measure.energy(replace(counts_of(), convention="neurobench")), "convention='elements'"),
        (lambda: rv.measure.energy(replace(counts_of(), rows=())), "no rows"),
        (lambda: rv.measure.energy(counts_of())["odin"], "no estimate by 'odin'"),
        (lambda: replace(MODELS["fp32"], mac=-1), "mac=-1"),
        (lambda: replace(MODELS["fp32"], add=float("nan")), "add=nan"),
        (lambda: replace(MODELS["odin"], boundary=""), "boundary=''"),
        (lambda: replace(MODELS["lemaire"], sizes=(0, 8)), "2 sizes and 4 prices"),
        (lambda: replace(MODELS["lemaire"], accesses=(0, 1, 2, -3)), "below 0"),
        (lambda: replace(MODELS["hierarchy"], levels=()), "Level records"),
        (lambda: replace(MODELS["hierarchy"], levels=MODELS["hierarchy"].levels[::-1]), "must grow"),
        (lambda: MODELS["hierarchy"].of_bits(3) and replace(MODELS["step"], levels=(rv.measure.Level("r", 8, 1),)).parts(counts_of()), "do not fit"),
        (lambda: rv.measure.bits_of(0), "steps=0"),
        (lambda: rv.measure.bits_of(2.0), "steps=2.0"),
    ],
)  # fmt: skip
def test_mistakes_are_named(wrong, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        wrong()
