"""Mistakes of torch users when they make cells, layers and networks: each works or says what to write."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        # a cell is a record, a layer is called
        (lambda: rv.LIF(8)(torch.rand(5, 2, 8)), r"a cell cannot be called.*lif = rv\.LIF\(…\)\.layer\(dt=1\*ms\)"),
        (lambda: rv.LIF(8).layer(dt=1.0), r"dt=1\.0 is not a time.*dt=0\.1\*ms"),
        (lambda: rv.LIF(8).layer(dt=0.001), r"dt=0\.001 is not a time"),
        (lambda: rv.Layer(rv.LIF, dt=1 * ms), "rv.Layer takes a cell, got function"),
        (lambda: rv.Layer([rv.LIF(8)], dt=1 * ms), r"rv\.Sequential for several parts"),
        (lambda: rv.CurrentLIF(8).layer(dt=1 * ms), r"say where x arrives, with cell\.layer\(dt=…, to='I'\)"),
        # parts of a chain
        (lambda: rv.Sequential(rv.Linear(8, 4), rv.LIF, dt=1 * ms), r"call it, as in LIF\(…\)"),
        (lambda: rv.Sequential([rv.Linear(8, 4), rv.LIF(4)], dt=1 * ms), r"unpack it with a star: rv\.Sequential\(\*parts"),
        (lambda: rv.Sequential(rv.Linear(8, 4), torch.relu, dt=1 * ms), r"needs a module, such as torch\.nn\.ReLU"),
        (lambda: rv.Sequential(rv.Linear(8, 4), rv.LIF(5), dt=1 * ms), "give 'lif1' the size that arrives"),
        (lambda: rv.Sequential(rv.Linear(8, 4), rv.LIF(4), rv.Linear(5, 2), dt=1 * ms), "takes 5 features.*in_features=4"),
        (
            lambda: rv.Sequential(nn.Conv2d(1, 4, 3), rv.LIF(), dt=1 * ms)(torch.rand(5, 2, 8, 8)),
            r"Conv2d takes .*samples.*\(8, 8\)",
        ),
        (
            lambda: rv.Sequential(nn.Conv2d(1, 4, 3), rv.LIF(), nn.Flatten(), nn.Linear(9, 2), dt=1 * ms)(
                torch.rand(5, 2, 1, 8, 8)
            ),
            "give in_features=144",
        ),
        (
            lambda: rv.Sequential(rv.Linear(32, 16), rv.LIF(16), dt=1 * ms)(torch.rand(5, 2, 9, 32)),
            r"\(5, 2, 9, 32\); expected \[T, B, 32\].*leave out the size of 'lif1'",
        ),
        # the layout of a call and of a step
        (lambda: rv.LIF(8).layer(dt=1 * ms).step(torch.rand(5, 2, 8)), r"for a sequence \[T, B, …\] call net"),
        (lambda: rv.LIF(8).layer(dt=1 * ms)(torch.rand(2, 8)), r"one step \[B, …\] call \.step\(x, state\)"),
        (
            lambda: rv.LIF(8).layer(dt=1 * ms)(rv.LIF(8).layer(dt=1 * ms)(torch.rand(5, 2, 8))),
            r"the pair \(output, state\) of another call.*output_only\(\)",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(RanvierError, match=words):
        ask()


def test_sizes_that_a_chain_tells() -> None:
    """Values per cell need a size, which the transform before them has."""
    net = rv.Sequential(
        rv.Linear(8, 6), rv.LIF(tau=rv.Learn(rv.Uniform(5 * ms, 9 * ms))), nn.Linear(6, 4), rv.MembraneNorm(rv.LIF()), rv.Linear(4, 2),
        rv.LeakyReadout(tau=rv.Learn(9 * ms, each=True)), dt=1 * ms,
    )  # fmt: skip
    assert (net.lif1.tau.shape, net.lif2.membrane_norm.weight.shape, net.readout1.tau.shape) == ((6,), (4,), (2,))
    assert net(torch.rand(5, 3, 8))[0].shape == (5, 3, 2)
    with pytest.raises(RanvierError, match="no size yet"):
        rv.Sequential(nn.Conv2d(1, 4, 3), rv.LIF(tau=rv.Uniform(5 * ms, 9 * ms)), dt=1 * ms)


def test_tokens_and_images_have_the_shape_that_arrives() -> None:
    tokens, images = torch.rand(5, 2, 9, 32), torch.rand(5, 2, 1, 8, 8)
    assert rv.Sequential(rv.Linear(32, 16), rv.LIF(), rv.Linear(16, 4), dt=1 * ms)(tokens)[0].shape == (5, 2, 9, 4)
    assert rv.Sequential(rv.LIF(), rv.Linear(32, 16), rv.LIF(), dt=1 * ms)(tokens)[0].shape == (5, 2, 9, 16)
    sized = rv.Sequential(rv.Linear(32, 16), rv.LIF((9, 16)), rv.Linear(16, 4), rv.LeakyReadout((9, 4)), dt=1 * ms)
    assert sized(tokens)[0].shape == (5, 2, 9, 4)
    with pytest.raises(RanvierError, match=r"expected \[T, B, 9, 32\]"):
        sized(tokens[:, :, 0])
    chain = nn.Conv2d(1, 4, 3), rv.LIF(), nn.Flatten(), nn.LazyLinear(3), rv.LeakyReadout()
    assert rv.Sequential(*chain, dt=1 * ms)(images)[0].shape == (5, 2, 3)


def test_a_view_first_keeps_the_event_path() -> None:
    flat = rv.Sequential(nn.Flatten(), rv.Linear(64, 100), rv.LIF(100), dt=1 * ms)
    plan = flat.plan(steps=50, batch=4, shapes={"input": (8, 8)})
    assert "by event" in plan.choice("flatten1").why
    assert flat(torch.rand(5, 2, 8, 8))[0].shape == (5, 2, 100)
