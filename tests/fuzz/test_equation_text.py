"""Whatever the text, a model compiles or is refused with an error of the family, within seconds and bounded memory."""

from __future__ import annotations

import random
import re
import resource
import signal
import time
from collections import Counter
from types import FrameType

import pytest

from ranvier.errors import RanvierError
from ranvier.kernels import eager
from ranvier.network import Stimulus
from ranvier.neurons import Cell
from ranvier.synapses import Plasticity
from ranvier.units import UNITS, ms, mV
from tests.fuzz._texts import MODELS, damaged, expression

_LONGEST = 5.0  # seconds of processor time for one text


def _stop(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError


def _compile(equations: str, threshold: str, reset: str) -> None:
    words = set(re.findall(r"\w+", equations + threshold + reset))
    given = {name: value for name, value in {"E": -60 * mV, "tau": 5 * ms, "k": 2.0}.items() if name in words}
    step = Cell(equations, threshold=threshold or None, reset=reset or None, **given).step()
    eager.step_function(step.program, step.surrogate)


def _bind(code: str) -> None:
    none = UNITS["1"].dimension
    Plasticity("dx/dt = -x/(5*ms) : 1\ny = x*x : 1", on_pre=code, on_post="x += 1").bind(none, {}, {"v": none})


def _stimulate(equations: str) -> None:
    Stimulus(equations, 2)


_ATTEMPTS = {"cell": _compile, "code": _bind, "stimulus": _stimulate}


def _outcome(attempt: str, *texts: str) -> str:
    """What came of a text; fails where it took too long or raised an error outside the family."""
    signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, 4 * _LONGEST)
    start = time.process_time()
    try:
        _ATTEMPTS[attempt](*texts)
        outcome = "compiled"
    except RanvierError as error:
        outcome = type(error).__name__
    except Exception as error:
        pytest.fail(f"{type(error).__name__}: {error} from {texts!r}")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    taken = time.process_time() - start
    assert taken < _LONGEST, (taken, texts)
    return outcome


def _try(count: int, seed: int) -> Counter[tuple[str, str]]:
    rng = random.Random(seed)
    outcomes: Counter[tuple[str, str]] = Counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(count):
        kind = rng.random()
        if kind < 0.55:
            texts = list(rng.choice(MODELS))
            which = rng.choice([0, 0, 0, 1, 2])
            texts[which] = damaged(texts[which], rng)
            outcomes["damaged", _outcome("cell", *texts)] += 1
        elif kind < 0.85:
            lines = (
                f"v' = {expression(rng)} : 1\nw = {expression(rng, 3)} : 1\nx = {expression(rng, 2)} : 1\ny' = v : 1"
            )
            lines = lines.replace("x = ", "x' = ") if rng.random() < 0.5 else lines
            outcomes["grammar", _outcome("cell", f"{lines}", "v > 1", f"v = {expression(rng, 2)}")] += 1
        elif kind < 0.9:
            lines = f"a = {expression(rng, 3).replace('v', '(t/ms)')}\nx = a*exp(-t/(5*ms))"
            outcomes["stimulus", _outcome("stimulus", damaged(lines, rng) if rng.random() < 0.5 else lines)] += 1
        else:
            code = f"w = w + {expression(rng, 3)}; x = {expression(rng, 2).replace('k', 'w')}"
            outcomes["code", _outcome("code", damaged(code, rng) if rng.random() < 0.5 else code)] += 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 1024 * 1024, f"{grown} kB more memory"
    return outcomes


def test_random_texts_are_compiled_or_refused():
    outcomes = _try(300, seed=1)
    assert outcomes["grammar", "compiled"] > 5
    assert sum(n for (_, what), n in outcomes.items() if what != "compiled") > 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 7))
def test_many_random_texts_are_compiled_or_refused(seed: int):
    assert _try(2_400, seed).total() == 2_400
