"""Texts that a network continues one token a step."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError
from ranvier.units import ms

PROMPT = torch.randint(9, (6, 3), generator=torch.Generator().manual_seed(0))


def model(**options: int) -> rv.Network:
    torch.manual_seed(0)
    net = rv.models.create("spikegpt_mini", characters=9, channels=8, hidden=12, blocks=1, **options)
    for q in net.parameters():
        if not q.detach().any():
            nn.init.uniform_(q, -1, 1)  # blocks start as the identity
    return net


def test_the_stream_is_what_the_whole_sequence_says() -> None:
    net = model()
    new = rv.models.generate(net, PROMPT, 15, temperature=0)
    assert net.training
    logits, _ = net.eval()(rv.encoding.tokens(torch.cat([PROMPT, new]), 9))
    assert torch.equal(logits[5:-1].argmax(2), new)


def test_draws_follow_the_seed_and_the_temperature() -> None:
    net = model()
    first, again, other = (rv.models.generate(net, PROMPT, 30, seed=k) for k in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    cold = rv.models.generate(net, PROMPT, 30, temperature=1e-4, seed=3)
    assert torch.equal(cold, rv.models.generate(net, PROMPT, 30, temperature=0))


def test_the_smallest_temperature_takes_the_most_probable_token() -> None:
    net = model()
    coldest = rv.models.generate(net, PROMPT, 5, temperature=1e-300)
    assert torch.equal(coldest, rv.models.generate(net, PROMPT, 5, temperature=0))


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: rv.models.generate(model(), PROMPT, 0), RanvierError, "count=0"),
        (lambda: rv.models.generate(model(), PROMPT, 1.5), RanvierError, "count=1.5"),
        (lambda: rv.models.generate(model(), PROMPT, 5, temperature=-1.0), RanvierError, "temperature=-1.0"),
        (lambda: rv.models.generate(model(), PROMPT, 5, temperature=float("nan")), RanvierError, "temperature=nan"),
        (lambda: rv.models.generate(model(), PROMPT, 5, temperature="1"), RanvierError, "temperature='1'"),
        (lambda: rv.models.generate(model(), PROMPT, 5, seed=1.5), RanvierError, "seed=1.5"),
        (lambda: rv.models.generate(torch.nn.ReLU(), PROMPT, 5), RanvierError, "takes a network, got ReLU"),  # type: ignore[arg-type]
        (lambda: rv.models.generate(model(), "text", 5), ShapeError, "no whole numbers in rows"),
        (lambda: rv.models.generate(model(), PROMPT[:0], 5), ShapeError, "no steps"),
        (lambda: rv.models.generate(model(), PROMPT[0], 5), ShapeError, "time first"),
        (lambda: rv.models.generate(model(), PROMPT + 9, 5), ShapeError, "but there are 9 tokens"),
        (lambda: rv.models.generate(model(), PROMPT.float(), 5), ShapeError, "whole numbers"),
        (lambda: rv.models.generate(rv.Sequential(rv.LIF(), dt=1 * ms), PROMPT, 5), RanvierError, "known size"),
        (lambda: rv.models.generate(rv.models.create("sew_mini"), PROMPT, 5), RanvierError, "one cell a token"),
        (
            lambda: rv.models.generate(rv.Sequential(rv.Linear(9, 4), rv.LIF(4), dt=1 * ms), PROMPT, 5),
            ShapeError,
            "4 logits for 9 tokens",
        ),
    ],
)
def test_mistakes_are_named(make: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()
