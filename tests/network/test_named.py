"""Parts of a network by name, and the short names of its tensors."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import Hz, ms

KEYS = [
    "lif1.tau", "lif1.V_th", "lif2.tau", "lif2.V_th", "readout1.tau", "conv2d1.0.weight", "conv2d1.0.bias", "conv2d1.1.weight",
    "conv2d1.1.bias", "conv2d1.1.running_mean", "conv2d1.1.running_var", "conv2d1.1.num_batches_tracked", "linear1.weight",
    "linear1.bias", "recurrent2.weight", "recurrent2.bias", "projections.linear2.latency_table", "linear2.weight", "linear2.bias",
]  # fmt: skip


def network(**how: object) -> rv.Sequential:
    return rv.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), rv.LIF((2, 2, 2), tau=rv.Learn(10 * ms), V_th=0.2), rv.Linear(2, 3),
        rv.Recurrent(rv.LIF((2, 2, 3)), rv.Linear(3, 3)), rv.Linear(3, 2, delay=rv.Uniform(0 * ms, 5 * ms)),
        rv.LeakyReadout((2, 2, 2)), dt=1 * ms, **how,
    )  # fmt: skip


def images() -> torch.Tensor:
    return torch.rand(6, 2, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def long(key: str) -> str:
    """The path of a tensor in torch's tree, which earlier versions wrote."""
    part, _, rest = key.partition(".")
    if part == "projections":
        return key
    if part.startswith(("lif", "readout")):
        return f"populations.{key}"
    return f"projections.{part}.chain.{rest if part == 'conv2d1' else f'0.{rest}'}"


def test_tensors_have_short_names_everywhere() -> None:
    net = network()
    assert sorted(net.state_dict()) == sorted(KEYS)
    shown = {n for n, _ in (*net.named_parameters(), *net.named_buffers())}
    assert {n for n in shown if "surrogate" not in n} == {*KEYS, "_probe"}
    for key in KEYS:
        owner, _, leaf = key.rpartition(".")
        found = getattr(net.get_submodule(owner), leaf)
        assert found is dict((*net.named_parameters(), *net.named_buffers()))[key]
        assert net.get_submodule(long(key).rpartition(".")[0]) is net.get_submodule(owner), (
            "paths of the tree stay valid"
        )


def test_parameters_are_those_with_names_in_their_order() -> None:
    cell, same = rv.LIF(3, tau=rv.Learn(9 * ms)), rv.Linear(3, 3)
    shared = rv.Sequential(same, cell, same, cell, dt=1 * ms)
    for net in (network(), shared, rv.Network(dt=1 * ms)):
        named = [q for _, q in net.named_parameters()]
        assert [id(q) for q in net.parameters()] == [id(q) for q in named]
        assert list(net.parameters(recurse=False)) == []
    every = [n for n, _ in shared.named_parameters(remove_duplicate=False)]
    assert every == ["lif1.tau", "lif2.tau", "linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"]


def test_names_nest_in_other_modules() -> None:
    model = nn.ModuleDict({"head": nn.Linear(2, 2), "net": network()})
    assert {"net.lif1.tau", "net.conv2d1.0.weight", "head.weight"} <= {n for n, _ in model.named_parameters()}
    assert sorted(k for k in model.state_dict() if "head" not in k) == sorted(f"net.{k}" for k in KEYS)
    other = nn.ModuleDict({"head": nn.Linear(2, 2), "net": network()})
    other.load_state_dict(model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("old", [False, True])
def test_short_names_and_those_of_earlier_versions_load(old: bool, nested: bool) -> None:
    torch.manual_seed(0)
    one, two = network(seed=1), network(seed=2)
    state = {long(k) if old else k: t for k, t in one.state_dict().items()}
    assert not torch.equal(one(images())[0], two(images())[0])
    if nested:
        nn.ModuleList([two]).load_state_dict({f"0.{k}": t for k, t in state.items()})
    else:
        two.load_state_dict(state)
    assert torch.equal(one(images())[0], two(images())[0])


def test_both_names_of_a_tensor_are_refused() -> None:
    net = network()
    before, state = net.linear1.weight.detach().clone(), dict(net.state_dict())
    state[long("linear1.weight")] = before + 1
    with pytest.raises(
        RuntimeError, match=r"'linear1.weight' and 'projections.linear1.chain.0.weight' name the same tensor"
    ):
        net.load_state_dict(state)


@pytest.mark.parametrize("nested", [False, True])
def test_reports_of_loading_name_tensors_shortly(nested: bool) -> None:
    net = network()
    state = net.state_dict()
    del state["lif1.tau"]
    state["lif1.beta"] = torch.tensor(0.9)
    state["linear1.weight"] = torch.zeros(5, 5)
    state["stranger.weight"] = torch.zeros(1)
    target, before = (nn.ModuleList([net]), "0.") if nested else (net, "")
    with pytest.raises(RuntimeError) as caught:
        target.load_state_dict({before + k: t for k, t in state.items()})
    text = str(caught.value)
    for words in (
        f'"{before}lif1.tau"',
        f'"{before}lif1.beta"',
        f'"{before}stranger.weight"',
        f"for {before}linear1.weight:",
    ):
        assert words in text
    assert "populations" not in text
    assert "chain" not in text
    del state["linear1.weight"]
    found = net.load_state_dict(state, strict=False)
    assert found.missing_keys == ["lif1.tau", "linear1.weight"]
    assert sorted(found.unexpected_keys) == ["lif1.beta", "stranger.weight"]


def test_parts_by_name() -> None:
    net = network()
    assert net["linear1"].weight is net.linear1.weight is net.projections["linear1"].chain[0].weight
    assert net.lif1.tau is net["lif1"].tau is net.populations["lif1"].tau
    assert net["conv2d1"][1].running_mean is net.conv2d1[1].running_mean
    assert "lif1" in net
    assert "lif9" not in net
    assert {"lif1", "linear1"} <= {*dir(net)}
    made = rv.Network(dt=1 * ms)
    made.source("poisson", rv.Poisson(10 * Hz, 3))
    made.population("run", 3, rv.LIF())  # a word of networks
    made.population("sum", 3, rv.Relay())
    made.connect("poisson", "run", rv.OneToOne(), name="inward")
    assert made["poisson"] is made.sources["poisson"] is made.poisson
    assert made["run"] is made.populations["run"]
    assert callable(made.run)
    assert made["sum"] is made.sum is made.relays["sum"]
    assert made["inward"].weight.shape == (3,) or made["inward"].pattern() is not None


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda net: net["linear9"], r"no part 'linear9'.*Did you mean"),
        (lambda net: net.__setitem__("lif1", nn.Linear(2, 2)), r"'lif1' cannot be replaced.*tau = nn.Parameter"),
        (lambda net: net.__setitem__("conv2d1", nn.Linear(2, 2)), r"net\['conv2d1'\]\[0\] = "),
        (lambda net: setattr(net, "lif1", nn.Linear(2, 2)), "'lif1' cannot be replaced"),
        (lambda net: setattr(net, "lif1", rv.LIF(3)), "'lif1' cannot be replaced"),
        (lambda net: setattr(net, "linear1", 3), "'linear1' is a transform, which int cannot replace"),
        (lambda net: net.__setitem__("linear1", rv.LIF(3)), "which Cell cannot replace: give a module"),
        (lambda net: net.population("populations", 2, rv.LIF()), "'populations' cannot name a population"),
    ],
)
def test_mistakes(ask, words: str) -> None:
    with pytest.raises(RanvierError, match=words):
        ask(network())


def test_unknown_attributes_are_attribute_errors() -> None:
    assert not hasattr(network(), "lif9")
    with pytest.raises(AttributeError, match="lif9"):
        network().lif9


def test_other_attributes_are_set_beside_parts() -> None:
    net = rv.Network(dt=1 * ms)
    net.population("note", 3, rv.LIF())
    net.population("seed", 3, rv.LIF())
    net.told = "first"
    net.told, net.seed, net.training = "then", 3, False
    assert (net.told, net.seed, net.training) == ("then", 3, False)
    assert net["seed"] is net.populations["seed"]


def test_a_transform_is_replaced_by_name() -> None:
    torch.manual_seed(0)
    net, head = (
        rv.Sequential(rv.Linear(3, 4), rv.LIF(4), nn.Linear(4, 2), rv.LeakyReadout(2), dt=1 * ms),
        nn.Linear(4, 2),
    )
    x = torch.rand(5, 2, 3)
    before = net(x)[0]
    net.linear2 = head
    after = net(x)[0]
    assert not torch.equal(before, after)
    assert net.linear2 is net.projections["linear2"].chain[0] is head
    net["linear2"] = rv.Linear(4, 2)
    assert not torch.equal(net(x)[0], after)
    net.double()["linear2"] = nn.Linear(4, 2)
    assert net(x)[0].dtype is torch.float64


def test_tensors_are_exchanged_for_a_call_and_copied() -> None:
    torch.manual_seed(0)
    net, other = network(dtype=torch.float64).eval(), network(dtype=torch.float64).eval()
    x = images().double()
    given = {n: q.detach().clone().requires_grad_() for n, q in other.named_parameters()}
    held = {n: t for n, t in other.named_buffers() if n != "_probe" and "latency" not in n}
    out = torch.func.functional_call(net, {**given, **held}, (x,))[0]
    other.projections["linear2"].latency_table = net.projections["linear2"].latency_table
    wanted = other(x)[0]
    assert torch.equal(out, wanted)
    for name, grad in zip(given, torch.autograd.grad(out.sum(), list(given.values())), strict=True):
        (theirs,) = torch.autograd.grad(wanted.sum(), [other.get_parameter(name)], retain_graph=True)
        torch.testing.assert_close(grad, theirs, rtol=1e-9, atol=1e-12)
    for made in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert made.state_dict().keys() == net.state_dict().keys()
        assert torch.equal(made(x)[0], net(x)[0])
        assert made.lif1 is not net.lif1
