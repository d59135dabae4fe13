"""Texts of plasticity rules and of stimuli: whatever they say, they are compiled or refused."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import ranvier as rv
from ranvier.synapses import Plasticity
from ranvier.units import Hz, ms, nA
from tests.fuzz._texts import damaged, expression
from tests.fuzz.engine import LONG, Target, withstands

Texts = tuple[str, ...]

#: (equations, on_pre, on_post, every_step)
_RULES: tuple[Texts, ...] = (
    ("dx/dt = -x/(20*ms) : 1\ndy/dt = -y/(20*ms) : 1", "x += 1; w = clip(w - 0.01*y, 0, 1)", "y += 1; w = clip(w + 0.01*x, 0, 1)", ""),
    ("dx/dt = -x/tau : 1\nz = x*x : 1\ntau = 5*ms : ms", "x += 1", "w = w + 0.01*z*(v_post/mV)", ""),
    ("du/dt = (U - u)/(100*ms) : 1\ndr/dt = (1 - r)/(50*ms) : 1\nU = 0.2 : 1", "u += U*(1 - u); r -= u*r", "", "w = w - 1e-6*w"),
)  # fmt: skip
_STIMULI: tuple[Texts, ...] = (
    ("x = A*sin(2*pi*f*t)",),
    ("b = exp(-t/(5*ms))\nx = A*b*(1 - b)",),
    ("x = where(t > 10*ms and t < 20*ms, A, 0*nA)",),
    ("k = floor(t/(4*ms))\nx = A*(k - 2*floor(k/2))",),
)


def _grown(text: str, names: str, wanted: str, chance: random.Random) -> str:
    """The text and a line more: ``wanted`` of a random expression in ``names``."""
    inside = re.sub(r"\b[vwxykt]\b", lambda _: chance.choice(names.split()), expression(chance, 3))
    return f"{text}\n{wanted.format(inside)}"


def _changed(texts: Texts, chance: random.Random) -> Texts:
    """One or two of ``texts`` with damage, or with a line of the grammar more."""
    out = list(texts)
    for _ in range(chance.choice((1, 1, 2))):
        k = chance.randrange(len(out))
        if chance.random() < 0.4:
            out[k] = damaged(out[k], chance)
        elif len(out) == 1:
            out[k] = _grown(out[k], "(t/ms)", f"y{chance.random():.9f} = A*({{}})".replace("0.", ""), chance)
        elif k == 0:
            out[k] = _grown(out[k], "1 2 0.5", "q = {} : 1", chance)
        else:
            out[k] = _grown(out[k], "w w (t/ms) (v_post/mV)", "w = w + 0.1*({})", chance)
    return tuple(out)


def _learn(texts: Texts) -> None:
    equations, on_pre, on_post, every_step = texts
    rule = Plasticity(equations, on_pre=on_pre, on_post=on_post, every_step=every_step)
    net = rv.Network(dt=1 * ms, seed=0, provider="reference")
    net.source("noise", rv.Poisson(500 * Hz, 2))
    net.population(
        "cells",
        3,
        rv.Cell("dv/dt = (-v + g*mV)/(5*ms) : mV\ndg/dt = -g/(2*ms) : 1", threshold="v > 1*mV", reset="v = 0*mV"),
    )
    net.connect("noise", "cells", rv.AllToAll(), to="g", weight=0.5, plasticity=rule)
    net.run(3 * ms)


def _drive(texts: Texts) -> None:
    (equations,) = texts
    words = re.findall(r"\w+", equations)
    values = {n: v for n, v in {"A": 0.1 * nA, "f": 10 * Hz}.items() if n in words}
    net = rv.Network(dt=1 * ms, seed=0, provider="reference")
    net.source("drive", rv.Stimulus(equations, 3, **values))
    net.population("cells", 3, rv.CurrentLIF())
    net.connect("drive", "cells", rv.OneToOne(), to="I")
    net.run(3 * ms)


_WHOLE = b"whole"
KINDS: dict[str, tuple[tuple[Texts, ...], Callable[[Texts], None]]] = {
    "plasticity": (_RULES, _learn),
    "stimulus": (_STIMULI, _drive),
}


def _target(name: str) -> Target:
    texts, use = KINDS[name]
    for whole in texts:
        use(whole)

    def place(folder: Path, payload: bytes) -> Texts:
        """A payload is the seed of what is changed."""
        chance = random.Random(payload)
        return texts[0] if payload == _WHOLE else _changed(chance.choice(texts), chance)

    return Target(name, [_WHOLE, *(bytes(range(k, k + 64)) for k in range(4))], place, use)


@pytest.mark.parametrize("name", KINDS)
def test_texts_are_compiled_or_refused(name: str) -> None:
    withstands(_target(name), 60)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_many_texts_are_compiled_or_refused(name: str) -> None:
    withstands(_target(name), LONG)
