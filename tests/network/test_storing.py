"""Networks of stored weights: what they compute, hold, save, fold, learn and refuse."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import FileFormatError
from ranvier.network import GraphError
from ranvier.storages import BFloat16, Float16, Int8, Storage, StorageError
from ranvier.units import Hz, ms

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
INT8 = Int8()


def drawn(steps: int, batch: int, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    x = torch.rand(steps, batch, *shape, generator=torch.Generator().manual_seed(5))
    return (x < 0.3).to(dtype)


def dense(storage: Storage | None = INT8, **how: Any) -> rv.Sequential:
    torch.manual_seed(0)
    first = rv.Linear(30, 90, storage=storage)
    with torch.no_grad():
        first.weight.mul_(4)
    last = rv.Linear(60, 3, bias=False, sign=1, storage=storage)
    return rv.Sequential(
        first, rv.LIF(90, tau=6 * ms), rv.Linear(90, 60, storage=storage), rv.LIF(60, tau=6 * ms), last,
        rv.LeakyReadout(3, tau=9 * ms), dt=1 * ms, **how,
    )  # fmt: skip


def recurrent(storage: Storage | None = INT8, **how: Any) -> rv.Sequential:
    torch.manual_seed(0)
    first = rv.Linear(30, 60, storage=storage, delay=rv.Uniform(0 * ms, 3 * ms))
    with torch.no_grad():
        first.weight.mul_(4)
    return rv.Sequential(
        first, rv.Recurrent(rv.LIF(60, tau=6 * ms), rv.Linear(60, 60, storage=storage)),
        rv.Linear(60, 3, storage=storage), rv.LeakyReadout(3, tau=9 * ms), dt=1 * ms, **how,
    )  # fmt: skip


def images(storage: Storage | None = INT8, **how: Any) -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(
        nn.Unflatten(-1, (2, 3, 5)), rv.Conv2d(2, 4, 2, storage=storage), rv.LIF(), rv.ConvTranspose2d(4, 2, 2, storage=storage),
        rv.LIF(), nn.Flatten(), rv.Linear(30, 3, storage=storage), rv.LeakyReadout(3), dt=1 * ms, **how,
    )  # fmt: skip


def circuit(storage: Storage | None = INT8, delay: Any = None, **how: Any) -> rv.Network:
    net = rv.Network(dt=1 * ms, seed=4, **how)
    x = net.input("input", 30)
    exc, inh = net.population("exc", 40, rv.LIF(tau=9 * ms), output=True), net.population("inh", 10, rv.LIF(tau=9 * ms))
    into = rv.Linear(30, 40, storage=storage)
    net.connect(x, exc, into, delay=0 * ms)
    with torch.no_grad():
        into.weight.mul_(6)
    net.connect(exc, [exc, inh], rv.FixedProbability(0.3), weight=rv.Normal(0.2, 0.1), delay=delay, storage=storage)
    net.connect(inh, exc, rv.FixedProbability(0.5), weight=rv.Learn(rv.Uniform(-0.4, 0)), storage=storage)
    return net


NETWORKS: dict[str, Callable[..., rv.Network]] = {
    "dense": dense, "recurrent": recurrent, "images": images, "circuit": circuit,
    "circuit, delays": lambda storage=INT8, **how: circuit(storage, rv.Uniform(0 * ms, 4 * ms), **how),
}  # fmt: skip
EVERY = pytest.mark.parametrize("name", NETWORKS)


def floats(net: rv.Network) -> rv.Network:
    """The same numbers as floats."""
    out = copy.deepcopy(net)
    for p in out.projections.values():
        for t in p.chain:
            if getattr(t, "packed", None) is not None:
                weight = t.effective_weight()
                t.storage = t.packed = t.weight = None
                t.weight = nn.Parameter(weight)
    out.graph.memo.plans.clear()
    return out


@DTYPES
@EVERY
@pytest.mark.parametrize(
    ("provider", "storage"),
    [
        ("cpu", INT8),
        ("cpu", Int8(symmetric=False)),
        ("cpu", Int8(scale=1 / 64)),
        ("cpu", BFloat16()),
        ("reference", INT8),
    ],
    ids=str,
)
def test_stored_numbers_compute_what_their_floats_do(
    name: str, dtype: torch.dtype, provider: str, storage: Storage
) -> None:
    """To the last bit, alone and in a batch; and what the network computed that read its parameters through the storage."""
    net = NETWORKS[name](storage, dtype=dtype, provider=provider)
    small = rv.store_weights(net)
    plain = floats(small)
    for batch in (1, 40):
        x = drawn(12, batch, 30, dtype=dtype)
        out = small(x)[0]
        assert bool((out != 0).any())
        assert torch.equal(out, plain(x)[0])
        assert torch.equal(out, net(x)[0])


def driven(storage: Storage | None, delay: Any, dtype: torch.dtype) -> rv.Network:
    """A circuit that runs as a whole."""
    net = rv.Network(dt=1 * ms, seed=4, dtype=dtype)
    net.source("drive", rv.Poisson(40 * Hz, 80))
    net.population("exc", 80, rv.LIF(tau=9 * ms))
    net.population("inh", 20, rv.LIF(tau=9 * ms))
    net.connect("drive", "exc", rv.OneToOne(), weight=1.5)
    how = {"delay": delay, "storage": storage}
    net.connect("exc", ["exc", "inh"], rv.FixedProbability(0.1), weight=rv.Normal(0.2, 0.1), **how)
    net.connect("inh", "exc", rv.FixedProbability(0.2), weight=rv.Uniform(-0.4, 0), **how)
    return net


@DTYPES
@pytest.mark.parametrize("storage", [INT8, Int8(symmetric=False), BFloat16()], ids=str)
@pytest.mark.parametrize("delay", [2 * ms, rv.Uniform(0 * ms, 5 * ms)], ids=["one delay", "delays"])
def test_compiled_circuits_deliver_the_codes(storage: Storage, delay: Any, dtype: torch.dtype) -> None:
    net, plain = driven(storage, delay, dtype), driven(None, delay, dtype)
    for name in ("exc_to_exc_x", "exc_to_inh_x", "inh_to_exc_x"):
        synapses = net.projections[name].chain[0]
        assert synapses.packed.codes.dtype == storage.code
        plain.projections[name].chain[0].weight = synapses.effective_weight()
        choice = net.plan().choice(name)
        assert "inside the circuit" in choice.why
        assert choice.why.endswith(f"{storage.name} weights stay so")
    found, wanted = (n.run(200 * ms, stream=0, record={"exc": ["spikes", "v"]})["exc"] for n in (net, plain))
    assert len(wanted.spikes) > 50
    assert list(found.spikes.cell) == list(wanted.spikes.cell)
    assert bool((torch.as_tensor(found.v) == torch.as_tensor(wanted.v)).all())


@EVERY
def test_no_float_copy_lies_beside_the_codes(name: str) -> None:
    net = NETWORKS[name]()
    small = rv.store_weights(net)
    held = {n: t for n, t in small.state_dict().items() if not n.endswith(("latency_table", "target", "row_pointer"))}
    codes = {n: t for n, t in held.items() if n.endswith("codes")}
    weights = sum(
        len(t.effective_weight().flatten()) for p in small.projections.values() for t in p.chain if hasattr(t, "packed")
    )
    assert sum(t.numel() * t.element_size() for t in codes.values()) == weights
    rest = sum(t.numel() for n, t in held.items() if n not in codes)
    assert rest <= 2 * sum(p.numel() for n, p in net.named_parameters() if "weight" not in n) + 64 * len(codes)
    before = list(small.state_dict())
    small(drawn(5, 3, 30))
    assert list(small.state_dict()) == before
    assert not any(n.endswith("weight") for n in before)


@DTYPES
@EVERY
def test_saved_and_loaded(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    net = NETWORKS[name](Int8(symmetric=False), dtype=dtype)
    x = drawn(12, 3, 30, dtype=dtype)
    for kind, made in {"read through": net, "stored": rv.store_weights(net)}.items():
        rv.save(made, tmp_path / kind)
        again = rv.load(tmp_path / kind)
        for (n, a), (m, b) in zip(made.state_dict().items(), again.state_dict().items(), strict=True):
            assert n == m
            assert a.dtype == b.dtype
            assert torch.equal(a, b)
        assert torch.equal(made(x)[0], again(x)[0])
    sizes = {k: sum(f.stat().st_size for f in (tmp_path / k).glob("*.safetensors")) for k in ("read through", "stored")}
    assert sizes["stored"] < sizes["read through"] or name == "images"  # of 62 weights


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_other_precision_keeps_the_codes(dtype: torch.dtype) -> None:
    small = rv.store_weights(dense(BFloat16()))
    other = copy.deepcopy(small).to(dtype)
    for (n, a), (_, b) in zip(small.state_dict().items(), other.state_dict().items(), strict=True):
        assert a.dtype == b.dtype if n.endswith("codes") else b.dtype == dtype
    assert torch.equal(
        other.projections["linear1"].chain[0].effective_weight().float(),
        small.projections["linear1"].chain[0].effective_weight(),
    )


def normed(storage: Storage | None, conv: bool) -> rv.Sequential:
    torch.manual_seed(1)
    norm = (nn.BatchNorm2d if conv else nn.BatchNorm1d)(4)
    norm.running_mean.copy_(torch.tensor([0.1, -0.2, 0.3, 0.0]))
    norm.running_var.copy_(torch.tensor([0.5, 1.5, 0.8, 2.0]))
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, -2.0, 0.5, 0.1]))
    first = rv.ConvTranspose2d(2, 4, 2, storage=storage) if conv else rv.Linear(30, 4, bias=False, storage=storage)
    parts = (nn.Unflatten(-1, (2, 3, 5)), first) if conv else (first,)
    return rv.Sequential(*parts, norm, rv.LIF(V_th=0.4), dt=1 * ms, dtype=torch.float64)


@pytest.mark.parametrize("conv", [False, True])
@pytest.mark.parametrize("storage", [INT8, Int8("tensor"), BFloat16()], ids=str)
def test_folded_norms_multiply_the_scale(storage: Storage, conv: bool) -> None:
    net, x = normed(storage, conv), drawn(9, 3, 30, dtype=torch.float64)
    with pytest.raises(GraphError, match=r"rounded to \w+ anew; store them first: rv\.store_weights\(net\)"):
        rv.fold_norms(net)
    small = rv.store_weights(net).eval()
    folded = rv.fold_norms(small)
    (name,) = folded.projections
    before, after = (next(t for t in n.projections[name].chain if hasattr(t, "packed")) for n in (small, folded))
    assert torch.equal(before.packed.codes, after.packed.codes)
    factor = torch.tensor([1.0, -2.0, 0.5, 0.1]).double() / (torch.tensor([0.5, 1.5, 0.8, 2.0]).double() + 1e-5).sqrt()
    shape = (1, 4, 1, 1) if conv else (4, 1)
    torch.testing.assert_close(
        after.effective_weight(), before.effective_weight() * factor.reshape(shape), rtol=1e-6, atol=0
    )
    torch.testing.assert_close(folded(x)[0], small(x)[0])
    assert not any(n.endswith("weight") for n, _ in folded.named_parameters())


def test_norms_that_evaluation_holds_multiply_the_scale() -> None:
    """A network with settled norms runs as one without them; the codes stay."""
    norm = nn.BatchNorm1d(60)
    norm.running_var.copy_(torch.linspace(0.5, 2, 60))
    torch.manual_seed(0)
    net = rv.Sequential(
        rv.Linear(30, 60, storage=INT8), norm, rv.LIF(60, V_th=0.3), rv.Linear(60, 3), rv.LIF(3), dt=1 * ms
    ).eval()
    small, x = rv.store_weights(net), drawn(12, 40, 30)
    assert small.plan(steps=12, batch=40).choice("linear1").why.endswith("int8 weights stay so")
    torch.testing.assert_close(small(x)[0], rv.fold_norms(small)(x)[0])
    torch.testing.assert_close(small(x)[0], floats(small).eval()(x)[0])


def test_a_norm_before_stored_weights_is_not_folded() -> None:
    net = rv.Sequential(nn.BatchNorm1d(30), rv.Linear(30, 4, storage=INT8), rv.LIF(4), dt=1 * ms).eval()
    small, x = rv.store_weights(net), drawn(12, 3, 30)
    torch.testing.assert_close(small(x)[0], net(x)[0])
    with pytest.raises(GraphError, match="stands before weights that are stored with a scale for each output"):
        rv.fold_norms(small)


class TestPlan:
    def test_it_says_what_becomes_of_the_codes(self) -> None:
        plan = rv.store_weights(dense()).plan(steps=50, batch=10)
        for n in ("linear1", "linear2"):
            assert plan.choice(n).why.endswith("int8 weights stay so")
        assert "int8 weights are decoded for each call" in rv.store_weights(recurrent()).plan().choice("linear1").why
        assert "int8 weights are decoded" in rv.store_weights(dense(provider="reference")).plan().choice("linear1").why
        assert "int8" not in str(dense().plan())

    def test_a_plan_made_before_is_made_anew(self) -> None:
        net = dense()
        net(drawn(4, 2, 30))
        assert "int8 weights stay so" in str(rv.store_weights(net).plan(steps=4, batch=2))


class TestLearning:
    def test_stored_numbers_are_no_parameters(self) -> None:
        small = rv.store_weights(dense())
        assert {n for n, _ in small.named_parameters()} == {f"linear{k}.bias" for k in (1, 2)}
        before = copy.deepcopy(small.state_dict())
        data = drawn(12, 10, 30).transpose(0, 1), torch.arange(10) % 3
        rv.train(small, data, epochs=2)
        moved = {n for n, t in small.state_dict().items() if not torch.equal(t, before[n])}
        assert moved == {n for n, _ in small.named_parameters()}

    def test_learning_through_a_storage_moves_the_parameter(self) -> None:
        net = dense()
        weight = net.projections["linear1"].chain[0].weight
        start = weight.detach().clone()
        data = drawn(12, 10, 30).transpose(0, 1), torch.arange(10) % 3
        rv.train(net, data, epochs=2)
        assert weight.dtype == torch.float32
        assert not torch.equal(weight, start)

    def test_gradients_equal_those_of_the_floats(self) -> None:
        for make in (dense, recurrent, circuit):
            small = rv.store_weights(make(dtype=torch.float64))
            plain, x = floats(small), drawn(12, 40, 30, dtype=torch.float64)
            for net in (small, plain):
                net(x)[0].square().sum().backward()
            wanted = dict(plain.named_parameters())
            for n, q in small.named_parameters():
                torch.testing.assert_close(q.grad, wanted[n].grad, rtol=1e-12, atol=1e-12)


class TestRefusals:
    def test_what_is_no_storage(self) -> None:
        with pytest.raises(StorageError, match=r"Linear: storage='int8' is no storage: give rv\.storages\.Int8\(\)"):
            rv.Linear(3, 4, storage="int8")
        with pytest.raises(StorageError, match="storage=8 is no storage"):
            rv.store_weights(dense(), 8)
        with pytest.raises(StorageError, match="takes a network"):
            rv.store_weights(rv.Linear(3, 4), INT8)

    def test_weights_that_do_not_fit(self) -> None:
        net = rv.Sequential(rv.Linear(3, 4), rv.LIF(4), dt=1 * ms)
        with torch.no_grad():
            net.projections["linear1"].chain[0].weight[1, 2] = 1e5
        with pytest.raises(StorageError, match=r"projection 'linear1': Linear holds the weight 100000, which Float16"):
            rv.store_weights(net, Float16())

    def test_weights_of_torch_and_of_plastic_synapses(self) -> None:
        with pytest.raises(StorageError, match="'linear1': Linear of torch keeps its weights as floats"):
            rv.store_weights(rv.Sequential(nn.Linear(3, 4), rv.LIF(4), dt=1 * ms), INT8)
        net = rv.Network(dt=1 * ms)
        net.population("a", 5, rv.LIF())
        net.connect("a", "a", rv.AllToAll(), weight=0.1, plasticity=rv.plasticity.STDP())
        with pytest.raises(StorageError, match="plastic: its weights change in the state"):
            rv.store_weights(net, INT8)
        with pytest.raises(GraphError, match="plastic weights change in the state"):
            net.connect("a", "a", rv.AllToAll(), weight=0.1, plasticity=rv.plasticity.STDP(), storage=INT8)
        with pytest.raises(GraphError, match="storage belongs to single synapses"):
            net.connect("a", "a", rv.Linear(5, 5), storage=INT8)

    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (lambda d, t: t.update({"packed.codes": t["packed.codes"].float()}), "expected torch.int8"),
            (lambda d, t: t.update({"packed.codes": t["packed.codes"][1:].clone()}), "codes"),
            (lambda d, t: t["packed.scale"].fill_(float("nan")), "finite floats"),
            (lambda d, t: t.update({"packed.scale": torch.ones(7, 1)}), "scale"),
            (lambda d, t: t.pop("packed.scale"), "missing"),
            (lambda d, t: d["storage"]["of"].update(kind="int5"), "int5"),
            (lambda d, t: d["storage"]["of"].update(per=3), "per=3"),
            (lambda d, t: d["storage"].update(alone=False), "missing"),
        ],
    )
    def test_edited_files(self, spoilt: Callable, tmp_path: Path, spoil: Callable, message: str) -> None:
        rv.save(rv.store_weights(rv.Sequential(rv.Linear(30, 6, storage=INT8), rv.LIF(6), dt=1 * ms)), tmp_path / "net")
        prefix = "projections.linear1.chain.0."

        def edit(description: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
            own = {n.removeprefix(prefix): tensors.pop(n) for n in list(tensors) if n.startswith(prefix)}
            spoil(description["projections"]["linear1"]["chain"][0], own)
            tensors.update({prefix + n: t for n, t in own.items()})

        with pytest.raises(FileFormatError, match=message):
            rv.load(spoilt(tmp_path / "net", edit, tmp_path / "hostile"))
