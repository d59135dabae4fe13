"""Every rule with every option of transforms, cells and wiring: equal to its definition, or refused by name.

``python -m tests.training.table_of_rules`` prints the table.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ranvier as rv
from tests.kernels.providers.counting import Counting
from tests.kernels.providers.refusing import Refusing
from tests.kernels.providers.registered import registered
from tests.training.crossed.definitions import RULES
from tests.training.crossed.expected import REFUSED, REFUSED_APART, page
from tests.training.crossed.options import OPTIONS
from tests.training.crossed.table import network, outcome
from tests.training.crossed.ways import FOLDED, WITHIN, distances

PROVIDERS = pytest.mark.parametrize("provider", ["cpu", "reference"])
EVERY = pytest.mark.parametrize("option", OPTIONS)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "rules.md"


def check(rule: str, option: str, provider: str | None, per_step: bool = True, many: bool = False) -> None:
    """One cell."""
    result = outcome(rule, option, provider, per_step, many)
    together = result.refusal is None and rule in REFUSED_APART.get(option, ())
    if rule in REFUSED[option] and not together:
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
        ("recurrence, learnable tau", "SnAp1"), ("recurrence, learnable tau", "EProp, random"), ("recurrence, learnable tau", "RTRL"),
        ("recurrence, shared cell", "SnAp1"), ("populations, shared tau", "SnAp1"), ("recurrence, shared cell", "OTTT"),
        ("int8", "BPTT"), ("int8, sign", "OTTT"), ("int8", "EProp, symmetric"), ("int8, learnable delay", "SLTT"),
        ("int8, convolution", "RTRL"), ("int8, single synapses, bounds", "OTTT"), ("bfloat16", "BPTT, window"),
        ("stored int8", "EProp, random"), ("stored int8, convolution", "BPTT"), ("stored bfloat16, populations", "BPTT"),
        ("membrane rectifier", "OTTT"), ("relative threshold", "OTTT"), ("dynamic threshold", "EProp, random"), ("membrane norm", "BPTT, window"), ("membrane norm", "SLTT"), ("membrane norm, settled", "OTTT"),
        ("circuit", "OTTT"), ("circuit, delays", "SLTT"), ("circuit, delays", "EProp, symmetric"), ("circuit, learnable delays", "OTTT"),
        ("circuit, learnable tau", "EProp, adaptive"), ("circuit, delays to the output", "EProp, symmetric"),
        ("circuit, every weight", "EProp, random"), ("circuit, every weight", "SLTT"), ("circuit, cells behind", "EProp, random"),
        ("circuit, cells behind, delays", "SLTT-K"), ("circuit, cells behind, delays", "OTTT"), ("circuit of currents", "EventProp"),
        ("resonator", "OTTT"), ("resonator without reset", "EProp, random"), ("sliding PSN", "OTTT"), ("state space", "BPTT, window"),
        ("learnable delay, Gaussian", "OTTT"), ("one delay behind", "EProp, adaptive"), ("delay per synapse behind", "SLTT-K"),
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
        ("stored int8", "BPTT, window"), ("stored int8, recurrence", "BPTT"),
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
@pytest.mark.parametrize("dtype", WITHIN, ids=str)
def test_every_cell_in_every_way(option: str, provider: str, dtype: torch.dtype) -> None:
    """In both precisions: whole, in one window, a call cut in two, saved and loaded, folded."""
    for way, rule, distance in distances(option, provider, dtype):
        assert distance <= (0 if way == "saved" else WITHIN[dtype]), f"{rule}, {way}"


@pytest.mark.parametrize("option", ["batch norm, settled"])
def test_some_options_in_every_way(option: str) -> None:
    ways = {way for way, _, distance in distances(option, "cpu", torch.float64) if distance <= WITHIN[torch.float64]}
    assert ways == {"whole", "one window", "cut", "saved"} | ({"folded"} if option in FOLDED else set())
