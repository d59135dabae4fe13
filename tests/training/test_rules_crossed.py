"""Every rule with every option of transforms, cells and wiring: equal to its definition, or refused by name.

``python -m tests.training.table_of_rules`` prints the table.
"""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.network import rounded_delays
from tests.kernels.providers.counting import Counting
from tests.kernels.providers.refusing import Refusing
from tests.kernels.providers.registered import registered
from tests.training.crossed.definitions import RULES
from tests.training.crossed.expected import REFUSED, REFUSED_APART, page
from tests.training.crossed.options import OPTIONS
from tests.training.crossed.table import apart, found, loss, network, outcome

PROVIDERS = pytest.mark.parametrize("provider", ["cpu", "reference"])
EVERY = pytest.mark.parametrize("option", OPTIONS)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "rules.md"


def check(rule: str, option: str, provider: str | None, per_step: bool = True, many: bool = False) -> None:
    """One cell."""
    result = outcome(rule, option, provider, per_step, many)
    if rule in REFUSED[option] and not (many and rule in REFUSED_APART.get(option, ())):
        assert result.refusal is not None, f"{rule}, {option}: expected a refusal, got {result}"
        assert result.refusal.startswith(type(RULES[rule][0]).__name__)
        assert "'" in result.refusal, "the part is named"
        assert any(word in result.refusal for word in ("use ", "remove ", "give ")), "the remedy is said"
    else:
        assert result.refusal is None, result.refusal
        assert result.distance is not None
        assert result.distance < 1e-9, f"{rule}, {option}: {result.distance:.1e} from its definition"


@pytest.mark.parametrize(
    ("option", "rule"),
    [
        ("sign, two layers", "OTTT"), ("sign, two layers", "EProp, random"), ("sign", "EProp, symmetric"),
        ("sign", "EProp, adaptive"), ("sign", "SnAp1"), ("sign", "RTRL"), ("convolution, groups", "OTTT"),
        ("convolution, sign", "EProp, symmetric"), ("recurrence, delay per synapse", "SLTT"),
        ("recurrence, delay per synapse", "RTRL"), ("shared transform, delays", "BPTT, window"),
        ("shared cell", "OTTT"), ("shared transform", "SnAp1"), ("residual, and", "OTTT"), ("residual, and", "SLTT-K"),
        ("convolution, delays", "RTRL"), ("learnable start", "BPTT, window"), ("step norm", "SLTT-K"),
        ("single synapses, bounds", "OTTT"), ("populations, learnable delays", "BPTT"), ("adaptive", "EProp, random"),
        ("currents, sign", "EventProp"), ("currents, delay per synapse", "EventProp"), ("plain", "Evolution"),
        ("learnable tau, beyond its bound", "SLTT"), ("maximum pooling", "OTTT"), ("plain", "EventProp"),
        ("convolution of a line", "EProp, symmetric"), ("convolution of a volume, delays", "BPTT"),
        ("transposed convolution", "OTTT"), ("transposed convolution, learnable delays", "SLTT"),
        ("single synapses, bounds", "SnAp1"), ("delay per synapse", "SnAp1"),
    ],
)  # fmt: skip
def test_some_cells(option: str, rule: str) -> None:
    check(rule, option, "cpu")


@pytest.mark.parametrize(
    ("option", "rule"),
    [
        ("plain", "BPTT, window"), ("sign, two layers", "OTTT"), ("recurrence, delay per synapse", "SLTT"),
        ("maximum pooling", "OTTT"), ("single synapses, bounds", "SnAp1"), ("convolution, delays", "RTRL"),
        ("adaptive", "EProp, random"), ("currents, delay per synapse", "EventProp"),
    ],
)  # fmt: skip
def test_some_cells_by_registered_providers(option: str, rule: str) -> None:
    counting = Counting()
    with registered(counting):
        check(rule, option, "counting")
    assert counting.calls["ScanShape"]
    with registered(Refusing()), pytest.warns(rv.errors.RanvierWarning, match="this provider runs nothing"):
        check(rule, option, "refusing")


def test_the_page_holds_the_table() -> None:
    assert len(OPTIONS) * len(RULES) > 600
    assert page() in PAGE.read_text(encoding="utf-8"), "write what `python -m tests.training.table_of_rules` prints"


@pytest.mark.slow
@PROVIDERS
@EVERY
def test_every_cell(option: str, provider: str) -> None:
    for rule in RULES:
        check(rule, option, provider)


@pytest.mark.slow
@EVERY
def test_every_cell_by_a_registered_provider(option: str) -> None:
    with registered(Counting()):
        for rule in RULES:
            check(rule, option, "counting")


@pytest.mark.slow
@EVERY
def test_every_cell_in_two_passes(option: str) -> None:
    """The same loss, as one that needs the whole output first."""
    for rule in RULES:
        check(rule, option, "cpu", per_step=False)


@pytest.mark.parametrize(
    ("option", "rule"),
    [
        ("sign, two layers", "SLTT"), ("sign, two layers", "BPTT, window"), ("shared transform", "BPTT, window"),
        ("recurrence, sign", "BPTT"), ("shared transform, delays", "BPTT"), ("shared cell", "SLTT"),
    ],
)  # fmt: skip
def test_parts_that_run_together(option: str, rule: str) -> None:
    net, x = network(option, "cpu", many=True)
    plan = net.plan(gradient=True, steps=len(x), batch=x.shape[1])
    assert plan.together or plan.fused
    check(rule, option, "cpu", many=True)


@pytest.mark.slow
@EVERY
def test_every_cell_of_parts_that_run_together(option: str) -> None:
    for rule in RULES:
        if rule not in ("RTRL", "SnAp1"):  # sample by sample
            check(rule, option, "cpu", many=True)


@pytest.mark.slow
@PROVIDERS
@EVERY
def test_every_cell_in_one_window(option: str, provider: str) -> None:
    for rule, (given, _) in RULES.items():
        if rule in REFUSED[option] or not hasattr(given, "window") or rule.startswith(("BPTT", "SnAp1")):
            continue
        net, x = network(option, provider)
        longer = dataclasses.replace(given, window=50)
        assert apart(found(net, given, x), found(net, longer, x)) < 1e-9, rule


@pytest.mark.slow
@PROVIDERS
@EVERY
def test_every_cell_saved_and_loaded(option: str, provider: str, tmp_path: Path) -> None:
    net, x = network(option, provider)
    rv.save(net, tmp_path / "model")
    again = rv.load(tmp_path / "model")
    for rule, (given, _) in RULES.items():
        if rule not in REFUSED[option]:
            assert apart(found(net, given, x), found(again, given, x)) == 0, rule


@pytest.mark.slow
@PROVIDERS
@EVERY
def test_every_cell_in_single_precision(option: str, provider: str) -> None:
    """Against the definition in double precision, with the rounded numbers.

    Evolution strategies draw their perturbations in the precision of the network, so they are other numbers here.
    """
    net, x = network(option, provider)
    net.float()
    wide = copy.deepcopy(net).double()
    for rule, (given, definition) in RULES.items():
        if rule in REFUSED[option] or rule == "Evolution":
            continue
        ours = {n: g.double() for n, g in found(net, given, x.float()).items()}
        wanted = definition(wide, x, loss)
        assert apart(wanted, ours) < 2e-5, rule


@pytest.mark.slow
@PROVIDERS
@pytest.mark.parametrize(
    ("option", "like"),
    [
        ("batch norm, settled", "plain"), ("threshold norm, settled", "plain"),
        ("learnable delay", "delay per synapse"), ("learnable delay behind", "delay per synapse behind"),
        ("populations, learnable delays", "populations, delays"),
    ],
)  # fmt: skip
def test_every_rule_of_a_folded_network(option: str, like: str, provider: str) -> None:
    """Norms folded into weights, and delays on whole steps: the rules of a network that has none."""
    net, x = network(option, provider)
    folded = rounded_delays(net) if "delay" in option else rv.fold_norms(net)
    for rule, (given, definition) in RULES.items():
        if rule not in REFUSED[like]:
            assert apart(definition(folded, x, loss), found(folded, given, x)) < 1e-9, rule


@pytest.mark.slow
@PROVIDERS
@EVERY
def test_every_network_cut_in_two(option: str, provider: str) -> None:
    """A call cut in two, the state attached, has the gradient of the whole call."""
    net, x = network(option, provider)
    whole = found(net, rv.rules.BPTT(), x)
    net.zero_grad()
    torch.manual_seed(1)
    first, state = net(x[:4])
    second, _ = net(x[4:], state)
    loss(torch.cat([first, second])).backward()
    parts = {n: torch.zeros_like(q) if q.grad is None else q.grad for n, q in net.named_parameters()}
    assert apart(whole, parts) < 1e-9
