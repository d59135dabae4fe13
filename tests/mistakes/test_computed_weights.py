"""Weights that torch computes from others (parametrizations, norms of weights, pruning): they learn, or the error gives torch's remedy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms

X = (torch.rand(6, 3, 1, 2, 2, generator=torch.Generator().manual_seed(0)) < 0.5).double()


def old(norm: Callable[[nn.Module], nn.Module]) -> Callable[[nn.Module], nn.Module]:
    """Norms of weights in torch's earlier form, which warns."""

    def change(module: nn.Module) -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return norm(module)

    return change


def pruned(module: nn.Module) -> nn.Module:
    return prune.l1_unstructured(module, "weight", amount=0.5)


KINDS: dict[str, tuple[Callable[[nn.Module], nn.Module], str]] = {
    "weight_norm": (parametrizations.weight_norm, "parametrize.remove_parametrizations"),
    "spectral_norm": (parametrizations.spectral_norm, "parametrize.remove_parametrizations"),
    "orthogonal": (parametrizations.orthogonal, "parametrize.remove_parametrizations"),
    "old weight_norm": (old(nn.utils.weight_norm), "remove_weight_norm"),
    "old spectral_norm": (nn.utils.spectral_norm, "remove_spectral_norm"),
    "prune": (pruned, "prune.remove"),
}
MAPS: dict[str, Callable[[], nn.Module]] = {
    "rv.Linear": lambda: rv.Linear(4, 5),
    "nn.Linear": lambda: nn.Linear(4, 5),
    "rv.Conv2d": lambda: rv.Conv2d(1, 5, 2),
    "nn.Conv2d": lambda: nn.Conv2d(1, 5, 2),
}


def network(first: nn.Module) -> tuple[rv.Sequential, torch.Tensor]:
    image = isinstance(first, nn.Conv2d | rv.Conv2d)
    torch.manual_seed(1)
    cells = rv.LIF((5, 1, 1) if image else 5, V_th=0.1)
    net = rv.Sequential(first, cells, nn.Flatten(), rv.Linear(5, 2), rv.LeakyReadout(2), dt=1 * ms, dtype=torch.float64)
    return net, X if image else X.flatten(2)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("make", list(MAPS))
def test_they_learn_as_plain_weights_of_the_same_numbers_would(make: str, kind: str) -> None:
    """Output and gradient, before and after steps of an optimiser, in calls and in single steps."""
    torch.manual_seed(0)
    first = MAPS[make]()
    KINDS[kind][0](first)
    (net, x), (plain, _) = network(first), network(MAPS[make]())
    first.eval()  # the vectors of a spectral norm stand still
    assert list(net.projections) == list(plain.projections)
    optimizer = torch.optim.SGD(net.parameters(), 0.3)
    for _ in range(3):
        with torch.no_grad():
            net(x)
            plain[0].weight.copy_(first.weight)
            plain[0].bias.copy_(first.bias)
            plain[-2].load_state_dict(net[-2].state_dict())
        out, expected = net(x)[0], plain(x)[0]
        torch.testing.assert_close(out, expected)
        optimizer.zero_grad()
        plain.zero_grad()
        out.square().sum().backward()
        expected.square().sum().backward()
        first(x[0])  # computes the weight again, whose graph the backward pass has freed
        learnt = [q for n, q in first.named_parameters() if n != "bias"]
        chained = torch.autograd.grad(first.weight, learnt, plain[0].weight.grad)
        for q, wanted in zip(learnt, chained, strict=True):
            torch.testing.assert_close(q.grad, wanted)
        torch.testing.assert_close(first.bias.grad, plain[0].bias.grad)
        optimizer.step()
        state, rows = None, []
        with torch.no_grad():
            for row in x:
                row, state = net.step(row, state)
                rows.append(row)
            torch.testing.assert_close(torch.stack(rows), net(x)[0])


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_needs_plain_weights_says_how_to_make_them(kind: str, tmp_path: Path) -> None:
    change, words = KINDS[kind]
    first = rv.Linear(4, 5)
    change(first)
    net = rv.Sequential(first, nn.BatchNorm1d(5), rv.LIF(5), dt=1 * ms).eval()
    for called in (False, True):
        if called:
            net(X.float().flatten(2))[0].sum().backward()
        with pytest.raises(RanvierError, match=words):
            rv.save(net, tmp_path / "net")
        with pytest.raises(RanvierError, match=words):
            rv.fold_norms(net)
        with pytest.raises(RanvierError, match=words):
            rv.store_weights(net, rv.storages.Int8())


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_conversion_that_has_to_scale_them_says_so(kind: str) -> None:
    """The threshold of the cells before goes into a weight, and torch would compute that weight again without it."""
    change, words = KINDS[kind]
    torch.manual_seed(0)
    last = nn.Linear(6, 2)
    model, x = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), last).eval(), torch.rand(8, 4)
    with torch.no_grad():
        model[0].get_parameter("weight").mul_(5)
    change(last)
    last.eval()
    for called in (False, True):
        if called:
            model(x)
        with pytest.raises(RanvierError, match=words):
            rv.convert(model, x, threshold="max")


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_conversion_keeps_those_that_no_threshold_goes_into(kind: str) -> None:
    torch.manual_seed(0)
    first = nn.Linear(4, 4)
    KINDS[kind][0](first)
    model, x = nn.Sequential(first, nn.ReLU(), nn.Linear(4, 2)).eval(), torch.rand(8, 4)
    with torch.no_grad():
        expected = model(x)
        torch.testing.assert_close(rv.convert(model, x, threshold="max")(x, 400), expected, rtol=0, atol=0.01)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("kind", ["weight_norm", "old weight_norm", "prune"])
def test_balance_draws_into_plain_weights_alone(kind: str, place: int) -> None:
    change, words = KINDS[kind]
    maps = [rv.Linear(4, n, bias=False, sign=1) for n in (6, 2)]
    layer, x = rv.LateralInhibition(*maps), X.float().flatten(2)
    before = [one.weight.detach().clone() for one in maps]
    change(maps[place])
    net = rv.Sequential(layer, rv.LIF(6), dt=1 * ms)
    with pytest.raises(RanvierError, match=words):
        rv.training.balance(net, x)
    assert torch.equal(maps[1 - place].weight, before[1 - place])


@pytest.mark.parametrize("kind", ["old weight_norm", "old spectral_norm", "prune"])
def test_copies_after_a_call_with_gradient_say_how_to_make_them_plain(kind: str) -> None:
    change, words = KINDS[kind]
    first = rv.Linear(4, 5)
    change(first)
    net = rv.Sequential(first, rv.LIF(5), rv.Linear(5, 2), rv.LeakyReadout(2), dt=1 * ms)
    net(X.float().flatten(2))
    data = (torch.rand(8, 6, 4), torch.tensor([0, 1] * 4))
    model = nn.Sequential(first, nn.ReLU())
    with pytest.raises(RanvierError, match=words):
        rv.training.find_rate(net, data, batches=10)
    with pytest.raises(RanvierError, match=words):
        rv.rounded_delays(net)
    with pytest.raises(RanvierError, match=words):
        rv.conversion.quantize_activations(model)


def test_a_value_of_cells_is_computed_on_the_population() -> None:
    class Exponential(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.exp()

        def right_inverse(self, x: torch.Tensor) -> torch.Tensor:
            return x.log()

    lif = rv.LIF(5, tau=rv.Learn(10 * ms)).layer(dt=1 * ms)
    x = 3 * torch.rand(6, 2, 5, generator=torch.Generator().manual_seed(0))
    expected = lif(x)[0]
    parametrize.register_parametrization(lif.network["lif"], "tau", Exponential())
    out = lif(x)[0]
    torch.testing.assert_close(out, expected)
    out.sum().backward()
    assert lif.network["lif"].parametrizations.tau.original.grad != 0
    other = rv.LIF(5, tau=rv.Learn(10 * ms)).layer(dt=1 * ms)
    parametrize.register_parametrization(other, "tau", Exponential())
    with pytest.raises(AttributeError, match=r"register it on the population itself, layer\.network\['lif'\]"):
        other(x)
