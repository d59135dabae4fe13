"""Counts of operations equal loops over single products, for any batch; what is not counted is listed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms

Tensor = torch.Tensor
count = rv.measure.operations


def spikes(*shape: int, seed: int = 0) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < 0.4).float()


def kind(x: float, w: float) -> np.ndarray:
    """MAC and AC of one product."""
    if x == 0 or w == 0:
        return np.array([0, 0])
    return np.array([0, 1]) if 1 in (abs(x), abs(w)) else np.array([1, 0])


def by_loop(x: Tensor, weight: Tensor) -> np.ndarray:
    """[rows, in] by [out, in]."""
    pairs = itertools.product(x.tolist(), weight.tolist())
    return sum((kind(a, w) for row, column in pairs for a, w in zip(row, column, strict=True)), np.zeros(2, int))


def counted(row: rv.measure.Row) -> list[int]:
    return [row.macs, row.acs]


def dense() -> rv.Sequential:
    torch.manual_seed(0)
    net = rv.Sequential(rv.Linear(5, 7), rv.LIF(7, V_th=0.2), rv.Linear(7, 3), rv.LeakyReadout(3), dt=1 * ms)
    with torch.no_grad():
        net.projections["linear1"].chain[0].weight[0, :3] = torch.tensor([0.0, 1.0, -1.0])
    return net


def test_a_dense_network_equals_loops() -> None:
    net, x = dense(), spikes(4, 3, 5)
    x[1, 2] = torch.tensor([0.0, 1.0, -1.0, 0.5, 2.0])
    fired = net.observe(x, record={"lif1": ["spikes"]})["lif1"]["spikes"]
    found = count(net, x)
    first, second = (net.projections[n].chain[0].weight for n in ("linear1", "linear2"))
    assert counted(found["linear1"]) == by_loop(x.flatten(0, 1), first).tolist()
    assert counted(found["linear2"]) == by_loop(fired.flatten(0, 1), second).tolist()
    assert (found["linear1"].dense, found["linear2"].dense) == (12 * 35, 12 * 21)
    assert found["lif1"].updates == 12 * 7
    assert found["lif1"].spikes == int(fired.sum()) > 0
    assert found.uncounted == ()


@pytest.mark.parametrize(("stride", "padding", "groups"), [(1, 1, 1), (2, 0, 1), (1, 2, 2)])
def test_a_convolution_meets_no_weight_beyond_its_border(stride: int, padding: int, groups: int) -> None:
    net = rv.Sequential(rv.Conv2d(2, 4, 3, stride=stride, padding=padding, groups=groups), rv.LIF(), dt=1 * ms)
    x = spikes(2, 3, 2, 5, 4) * torch.tensor([1.0, 0.5]).reshape(2, 1, 1)
    weight, want, most = net.projections["conv2d1"].chain[0].weight.detach(), np.zeros(2, int), 0
    out = net.projections["conv2d1"].output_shape((2, 5, 4))
    for image in x.flatten(0, 1):
        for o, i, j in itertools.product(*map(range, out)):
            for c, a, b in itertools.product(range(2 // groups), range(3), range(3)):
                u, v, from_ = i * stride + a - padding, j * stride + b - padding, o // (4 // groups) * (2 // groups) + c
                if 0 <= u < 5 and 0 <= v < 4:
                    want += kind(float(image[from_, u, v]), float(weight[o, c, a, b]))
                    most += 1
    row = count(net, x)["conv2d1"]
    assert (counted(row), row.dense) == (want.tolist(), most)


def test_recurrence_and_delays_are_counted_where_spikes_arrive() -> None:
    torch.manual_seed(0)
    net = rv.Sequential(
        rv.Linear(4, 6, delay=rv.Uniform(0 * ms, 3 * ms)), rv.Recurrent(rv.LIF(6, V_th=0.2), rv.Linear(6, 6)),
        rv.Linear(6, 2, delay=2 * ms), rv.LeakyReadout(2), dt=1 * ms,
    )  # fmt: skip
    x = spikes(7, 2, 4)
    fired = net.observe(x, record={"lif1": ["spikes"]})["lif1"]["spikes"]
    found, late = count(net, x), net.projections["linear1"].latency_table
    want = sum(
        int(x[t, b, i] != 0) for t, b, i, o in itertools.product(range(7), range(2), range(4), range(6))
        if t + int(late[o, i]) < 7
    )  # fmt: skip
    assert counted(found["linear1"]) == [0, want]
    assert found["linear1"].dense == 14 * 24
    assert len(set(late.flatten().tolist())) > 2
    assert counted(found["recurrent1"]) == [0, 6 * int(fired[:-1].sum())]
    assert counted(found["linear2"]) == [0, 2 * int(fired[:-2].sum())]


def test_single_synapses_stored_drawn_and_with_delays() -> None:
    net = rv.Network(dt=1 * ms, seed=2)
    net.input("x", 8)
    rules = {"a": rv.FixedProbability(0.5), "b": rv.Procedural(rv.FixedOutDegree(3)), "c": rv.FixedProbability(0.5)}
    for name, rule in rules.items():
        net.population(name, 6, rv.LIF(), output=True)
        late = {"delay": rv.Uniform(1 * ms, 4 * ms)} if name == "c" else {}
        net.connect("x", name, rule, weight=0.7, name=f"to_{name}", **late)
    x = spikes(6, 2, 8)
    found, fan = count(net, x), net.projections["to_a"].synapses.pre
    assert counted(found["to_a"]) == [0, int(x[:-1].sum((0, 1))[fan].sum())]
    assert found["to_a"].weights == 1 or found["to_a"].weights == len(fan)
    late = net.projections["to_c"].synapses
    want = sum(
        int(x[: 6 - int(k), :, i].sum()) for k, i in zip(late.latency_table, late.pre, strict=True) if int(k) < 6
    )
    assert counted(found["to_c"]) == [0, want]
    assert found["to_b"].dense == 12 * 24
    assert counted(found["to_b"]) == [0, 3 * int(x[:-1].sum())]


def test_drawn_synapses_of_graded_inputs() -> None:
    net = rv.Network(dt=1 * ms, seed=2)
    net.input("x", 8)
    net.population("a", 6, rv.LIF(), output=True)
    net.connect("x", "a", rv.Procedural(rv.FixedOutDegree(1)), weight=0.7, name="drawn")
    assert counted(count(net, spikes(6, 2, 8) + 0.5)["drawn"]) == [5 * 2 * 8, 0]


def ordinary() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 3))


@pytest.mark.parametrize("make", [dense, ordinary])
@pytest.mark.parametrize("batch", [7, 64])
def test_a_batch_counts_as_its_samples(make, batch: int) -> None:
    axis = 1 if make is dense else 0
    x = torch.rand(3, batch, 5, generator=torch.Generator().manual_seed(1)) if axis else spikes(batch, 2, 4, 4)
    x = torch.where(torch.arange(batch).reshape([-1, *[1] * (x.ndim - 1 - axis)]) % 2 == 0, x, x.round())
    net, parts = make(), [1, 2, batch - 3]
    pieces = [count(net, piece) for piece in x.split(parts, axis)]
    assert pieces[0] + pieces[1] + pieces[2] == count(net, x)


PRODUCTS = {
    "transposed": (nn.ConvTranspose2d(2, 3, 2, stride=2, bias=False), (2, 3, 3)),
    "matrix of a sequence": (nn.Linear(4, 5), (3, 4)),
    "average": (nn.AvgPool2d(2, stride=1, padding=1, ceil_mode=True), (2, 4, 5)),
    "adaptive average": (nn.AdaptiveAvgPool2d(2), (2, 5, 3)),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_additions_are_those_that_the_output_shows(name: str) -> None:
    """With weights of 1 and inputs of 0 and 1, the sum of the outputs of a sum is the number of its additions."""
    module, shape = PRODUCTS[name]
    x = spikes(3, *shape)
    found = count(module, x)
    sums = nn.Sequential(module).double()
    for q in sums.parameters():
        q.data.fill_(1.0) if q.ndim > 1 else q.data.fill_(0.0)
    out = sums(x.double())
    if name == "average":  # whose zeros count
        out = nn.functional.avg_pool2d(x.double(), 2, 1, 1, True, divisor_override=1)
    if name == "adaptive average":
        out = out * torch.tensor([[6.0, 6.0], [6.0, 6.0]])
    assert found.acs * 3 == pytest.approx(float(out.sum().detach()))
    assert found.macs == 0
    assert found.uncounted == ()


def test_products_of_data_with_data_and_norms() -> None:
    class Products(nn.Module):
        def forward(self, a: Tensor) -> Tensor:
            return nn.functional.layer_norm(a @ a.transpose(1, 2) + (a * a)[..., :2].sum(), [2])

    a = torch.tensor([[[0.0, 1.0, 2.0], [3.0, 0.5, 1.0]]])
    row = count(Products(), a)
    want = by_loop(a[0], a[0])  # a @ a.T
    graded = int(((a != 0) & (a != 1)).sum())
    norm = 4
    sums = int(((a * a)[..., :2] != 0).sum())
    added = int((a @ a.transpose(1, 2) != 0).sum())
    assert row.macs == want[0] + graded + 2 * norm
    assert row.acs == want[1] + sums + added + norm


def test_folded_norms_are_free_and_others_are_not() -> None:
    x = spikes(3, 2, 4)
    folded = rv.Sequential(rv.Linear(4, 5), rv.ThresholdBatchNorm(5), rv.LIF(5), dt=1 * ms)
    alone = rv.Sequential(nn.LayerNorm(4), rv.Linear(4, 5), rv.LIF(5), dt=1 * ms)
    assert count(folded, x).macs == 0
    assert len(count(folded, x).rows) == 2
    assert counted(count(alone, x)["layernorm1.0"]) == [2 * 24, 24]


def test_a_shortcut_adds_what_arrives() -> None:
    net = rv.Sequential(rv.Linear(4, 4), rv.LIF(4, V_th=0.1), rv.Residual(rv.Linear(4, 4), rv.LIF(4)), dt=1 * ms)
    x = spikes(5, 3, 4)
    fired = net.observe(x, record={"lif1": ["spikes"]})["lif1"]["spikes"]
    rows = [r for r in count(net, x).rows if r.place.startswith("direct")]
    assert sum(r.acs for r in rows) >= int(fired.sum()) > 0


def test_what_is_not_counted_is_listed() -> None:
    found = count(nn.Sequential(nn.Linear(4, 4), nn.Softmax(1)), torch.rand(3, 4))
    assert [(u.place, u.operation, u.size) for u in found.uncounted] == [("1", "softmax", 12)]
    assert "not counted: softmax in 1 (12 numbers)" in str(found)
    gru = count(nn.GRU(4, 5, batch_first=True), torch.rand(3, 6, 4))
    assert gru.macs > 600
    assert {u.operation for u in gru.uncounted} == {"sigmoid", "tanh"}


def test_attention_is_two_products_by_element() -> None:
    class Attention(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.scaled_dot_product_attention(x, x, x)

    found = count(Attention(), torch.rand(2, 1, 4, 3) + 1.5)
    assert found.macs >= 2 * 4 * 4 * 3
    assert found.uncounted[0].operation == "safe_softmax"


def test_parts_of_a_module_have_rows_of_their_own() -> None:
    net = nn.Sequential(nn.Linear(4, 5), rv.LIF(5).layer(dt=1 * ms).output_only(), nn.Linear(5, 2))
    found = count(net, spikes(6, 3, 4))
    assert found.samples == 3
    assert {"0", "2"} < {r.place for r in found.rows}
    assert found["0"].acs > 0
    assert found.updates == 30


def test_bytes_of_parameters_and_states_are_apart() -> None:
    net, x = dense(), spikes(4, 3, 5)
    before, _ = count(net, x), net(x)
    assert count(net, x) == before
    assert before.state_bytes == 4 * (7 + 3)


def test_a_network_is_left_as_it_was() -> None:
    net = dense().train()
    count(net, spikes(4, 3, 5))
    assert net.training
    assert not net._forward_pre_hooks
    assert not net._forward_hooks


MISTAKES = {
    "no module": (lambda: count(dense, spikes(3, 2, 5)), "takes a module, got function"),
    "no network": (lambda: count([dense()], spikes(3, 2, 5)), "takes a module, got list"),
    "convention": (lambda: count(dense(), spikes(3, 2, 5), convention="syops"), "'elements', 'neurobench'"),
    "no samples": (lambda: count(dense(), spikes(3, 0, 5)), "no samples along axis 1"),
    "no tensor": (lambda: count(dense(), "spikes"), "needs tensors as x, got str"),
    "nothing": (lambda: count(dense(), None), "needs tensors as x, got NoneType"),
    "axis": (lambda: count(dense(), spikes(3, 2, 5), samples_axis=4), "samples_axis=4 is no axis"),
    "axis by name": (lambda: count(dense(), spikes(3, 2, 5), samples_axis="B"), "samples_axis='B' is no axis"),
    "lengths": (lambda: count(dense(), spikes(3, 2, 5), lengths=torch.tensor([2, 3])), "without lengths="),
    "shape": (lambda: count(dense(), spikes(3, 2, 6)), "6"),
    "row": (lambda: count(dense(), spikes(3, 2, 5))["lif7"], "no row 'lif7': there are linear1"),
    "other network": (lambda: count(dense(), spikes(3, 2, 5)) + count(ordinary(), spikes(1, 2, 4, 4)), "one network"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named(name: str) -> None:
    call, words = MISTAKES[name]
    with pytest.raises(ShapeError, match=words):
        call()
