"""Quotients that are 0/0 at one point have their limit there, however they are written, and keep their digits near it."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import NonFiniteError
from ranvier.units import ms, mV

#: text -> its value in x for mpmath and the v (in mV) at which it is 0/0; VT = -63, a = 5, b = 0.125, c = 0.25, k = 8
CASES = {
    "x/(exp(x) - 1)": (lambda v: _bernoulli((v + 40) / 10), -40),
    "x/(1 - exp(-x))": (lambda v: _bernoulli(-(v + 40) / 10), -40),
    "(1 - exp(-x))/x": (lambda v: 1 / _bernoulli(-(v + 40) / 10), -40),
    "(exp(x) - 1)/x": (lambda v: 1 / _bernoulli((v + 40) / 10), -40),
    "x/tanh(x)": (lambda v: _safe(lambda x: x / mp.tanh(x), (v + 40) / 10), -40),
    "tanh(x)/x": (lambda v: _safe(lambda x: mp.tanh(x) / x, (v + 40) / 10), -40),
    "x/sinh(x)": (lambda v: _safe(lambda x: x / mp.sinh(x), (v + 40) / 10), -40),
    "sinh(x)/x": (lambda v: _safe(lambda x: mp.sinh(x) / x, (v + 40) / 10), -40),
    "x/expm1(x)": (lambda v: _bernoulli((v + 40) / 10), -40),
    "x/log1p(x)": (lambda v: _safe(lambda x: x / mp.log1p(x), (v + 40) / 10), -40),
    "log(1 + x)/x": (lambda v: _safe(lambda x: mp.log1p(x) / x, (v + 40) / 10), -40),
    "0.1*(v/mV + 40)/(1 - exp(-0.1*(v/mV + 40)))": (lambda v: _bernoulli(-(v + 40) / 10), -40),
    "0.01*(v/mV + 55)/(1 - exp(-0.1*(v/mV + 55)))": (lambda v: _bernoulli(-(v + 55) / 10) / 10, -55),
    "-0.1*(40*mV + v)/mV/(exp(-(v + 40*mV)/(10*mV)) - 1)": (lambda v: _bernoulli(-(v + 40) / 10), -40),
    "0.32*(13*mV - v + VT)/(exp((13*mV - v + VT)/(4*mV)) - 1)/mV": (
        lambda v: mp.mpf("1.28") * _bernoulli((13 - v - 63) / 4), -50,
    ),
    "0.28*(v - VT - 40*mV)/(exp((v - VT - 40*mV)/(5*mV)) - 1)/mV": (
        lambda v: mp.mpf("1.4") * _bernoulli((v + 63 - 40) / 5), -23,
    ),
    "(a + b*v/mV)/(exp(c + (a + b*v/mV)*2) - exp(c))": (
        lambda v: mp.exp(-mp.mpf("0.25")) / 2 * _bernoulli((5 + v / 8) * 2), -40,
    ),
    "1/((1 - exp(-x))/x)": (lambda v: _bernoulli(-(v + 40) / 10), -40),
    "x*(exp(x) - 1)**-1": (lambda v: _bernoulli((v + 40) / 10), -40),
    "(x/(exp(x) - 1))**2": (lambda v: _bernoulli((v + 40) / 10) ** 2, -40),
    "x/(exp(x/2) - exp(-x/2))": (lambda v: _safe(lambda x: x / mp.sinh(x), (v + 40) / 20), -40),
    "x*y/((exp(x) - 1)*(1 - exp(-y)))": (lambda v: _bernoulli((v + 40) / 10) * _bernoulli(-(v + 40) / 4), -40),
    "above/below": (lambda v: _bernoulli(-(v + 40) / 10), -40),
    "y*(5 - 2*exp(-y))/(1 - exp(-y))": (
        lambda v: _bernoulli(-(v + 40) / 4) * (5 - 2 * mp.exp(-(v + 40) / 4)), -40,
    ),
    "(5*y - 2*y*exp(-y))/(1 - exp(-y))": (
        lambda v: _bernoulli(-(v + 40) / 4) * (5 - 2 * mp.exp(-(v + 40) / 4)), -40,
    ),
    "x/(1 - exp(-4)*exp(-v/(10*mV)))": (lambda v: _bernoulli(-(v + 40) / 10), -40),
    "(x + log(2))/(2*exp(x) - 1)": (
        lambda v: _bernoulli((v + 40) / 10 + mp.log(2)), -40 - 6.931471805599453,
    ),
}  # fmt: skip
_HELPERS = (
    "x = (v + 40*mV)/(10*mV) : 1\ny = (v/mV + 40)*0.25 : 1\nabove = 0.1*(v/mV + 40) : 1\nbelow = 1 - exp(-above) : 1"
)
_VALUES = {"VT": -63 * mV, "a": 5.0, "b": 0.125, "c": 0.25}
_STEPS = (0.0, 1e-12, 1e-9, 1e-7, 4e-6, 1e-5, 1e-3, 0.04, 1.0)


def _safe(function, x):
    return function(x) if x else mp.mpf(1)


def _bernoulli(x):
    """x/(exp(x) - 1)."""
    return x / mp.expm1(x) if x else mp.mpf(1)


def _places(dtype: torch.dtype) -> torch.Tensor:
    """One column per case: its singular point and its neighbours, as numbers of ``dtype``."""
    near = [s * sign for s in _STEPS for sign in (1, -1)]
    return torch.tensor([[point + d for _, point in CASES.values()] for d in near], dtype=dtype)


def _network(dtype: torch.dtype, provider: str, v: torch.Tensor) -> rv.Network:
    lines = "\n".join(f"f{k} = {text} : 1" for k, text in enumerate(CASES))
    used = {n: q for n, q in _VALUES.items()}
    net = rv.Network(dt=0.1 * ms, dtype=dtype, provider=provider)
    net.population(
        "p", v.numel(), rv.Cell(f"v' = v : mV\n{_HELPERS}\n{lines}", v=rv.Learn(v.double().flatten() * mV), **used)
    )
    return net


def _exact(function, v: float) -> mp.mpf:
    with mp.workdps(60):
        return function(mp.mpf(v))


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_spelling_has_its_limit_and_its_slope(dtype: torch.dtype, provider: str):
    v = _places(dtype)
    net = _network(dtype, provider, v)
    names = [f"f{k}" for k in range(len(CASES))]
    run = net.run(0.1 * ms, record={"p": names}, grad=True)
    (start,) = net.parameters()
    close, steep = (1e-5, 2e-5) if dtype == torch.float32 else (1e-12, 1e-11)
    wrong = []
    for k, (text, (function, _)) in enumerate(CASES.items()):
        signal = run["p"][names[k]][0, 0].reshape(v.shape)[:, k]
        (slope,) = torch.autograd.grad(signal.sum(), start, retain_graph=True)
        slope = slope.reshape(v.shape)[:, k]
        for at, value, found in zip(v[:, k].tolist(), signal.tolist(), slope.tolist(), strict=True):
            exact = float(_exact(function, at))
            with mp.workdps(60):
                derivative = float(mp.diff(function, mp.mpf(at) + mp.mpf("1e-25"), h=mp.mpf("1e-15")))
            if not abs(value - exact) <= close * abs(exact):
                wrong.append((text, at, value, exact))
            if not abs(found - derivative) <= steep * (abs(derivative) + 0.1 * abs(exact)):
                wrong.append(("slope", text, at, found, derivative))
    assert not wrong


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("away", [0.0, 4e-6, 1e-3])
@pytest.mark.parametrize(
    ("alpha", "beta", "v", "gate"),
    [
        ("0.1*(v/mV + 40)/(1 - exp(-0.1*(v/mV + 40)))/ms", "1/ms", -40, 0.49998),
        ("0.01*(v/mV + 55)/(1 - exp(-0.1*(v/mV + 55)))/ms", "0.1/ms", -55, 0.31606),
    ],
)
def test_gates_open_as_they_should_at_the_singular_point(alpha, beta, v, gate, away, provider):
    net = rv.Network(dt=0.01 * ms, provider=provider)
    text = f"v' = v : mV\ndm/dt = a*(1 - m) - {beta}*m : 1\na = {alpha} : kHz"
    net.population("p", 1, rv.Cell(text, v=(v + away) * mV))
    assert float(net.run(5 * ms, record={"p": ["m"]})["p"].m[-1, 0]) == pytest.approx(gate, abs=2e-5 + away)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("text", ["a/(a + b)", "b*a/(a + b)/b", "2*a/(2*a + 2*b)"])
def test_a_quotient_in_a_sum_of_the_denominator_has_its_limit(text: str, provider: str):
    """The steady state of a gate, at the voltage where its rate is 0/0 as written, by names and written out."""
    rate = "(v + 40*mV)/(10*mV)/(1 - exp(-(v + 40*mV)/(10*mV)))"
    named = f"a = {rate} : 1\nb = 3 : 1\nx = {text} : 1"
    inline = f"x = {text.replace('a', '(' + rate + ')').replace('b', '3')} : 1"
    for lines in (named, inline):
        net = rv.Network(dt=1 * ms, dtype=torch.float64, provider=provider)
        v = np.array([-40, -39.9, -47]) * mV
        net.population("p", 3, rv.Cell(f"v' = v : mV\n{lines}", v=v))
        z = np.array([1e-12, 0.01, -0.7])
        a = z / -np.expm1(-z)
        np.testing.assert_allclose(net.run(1 * ms, record={"p": ["x"]})["p"].x[0], a / (a + 3), rtol=1e-9)


def test_quotients_that_stay_name_themselves_and_the_value():
    net = rv.Network(dt=0.1 * ms)
    net.population("p", 2, rv.Cell("v' = v : mV\nx' = sin(v/mV)/(v/mV) : 1", v=[1, 0] * mV))
    with pytest.raises(NonFiniteError, match=r"cell 1 .*'sin\(v / mV\) / \(v / mV\)' is 0/0 at v = 0 mV") as caught:
        net.run(1 * ms)
    assert "smaller dt" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["x/(1 + exp(x))", "1/(exp(x) - 1)", "k/(exp(x) - k)", "exp(-x)/(1 - x)", "x/(exp(y) - 1)"]
)
def test_true_poles_and_other_quotients_stay_as_written(text: str):
    from ranvier.dynamics import Reader, parse_expression
    from ranvier.units import UNITS

    none = UNITS["1"].dimension
    found, _ = Reader(dict.fromkeys("xyk", none)).read(parse_expression(text), text)
    assert "exprel" not in str(found)


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("x/(exp(x) - 1)", 1 / 6),
        ("x/tanh(x)", 2 / 3),
        ("x/sinh(x)", -1 / 3),
        ("tanh(x)/x", -2 / 3),
        ("sinh(x)/x", 1 / 3),
    ],
)
def test_the_second_derivative_is_right_at_the_point(text: str, second: float):
    net = rv.Network(dt=0.1 * ms, dtype=torch.float64, provider="reference")
    net.population(
        "p", 3, rv.Cell(f"x' = x : 1\nf = {text} : 1", x=rv.Learn(torch.tensor([0.0, 1e-7, -1e-7]).double()))
    )
    (start,) = net.parameters()
    signal = net.run(0.1 * ms, record={"p": ["f"]}, grad=True)["p"].f
    (slope,) = torch.autograd.grad(signal.sum(), start, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), start)
    np.testing.assert_allclose(
        slope.detach(), [slope[0].item(), *(slope[0].item() + second * h for h in (1e-7, -1e-7))], atol=1e-12
    )
    np.testing.assert_allclose(bend, [second] * 3, rtol=1e-5)


def test_the_cells_of_textbooks_keep_their_programs():
    """Statements of a step as they were when the quotients were written with exprel by hand."""
    counts = {None: (18, 20), "euler": (10, 12), "rk2": (25, 28), "rk4": (45, 50)}
    for method, expected in counts.items():
        cells = rv.HodgkinHuxley(method=method), rv.TraubMiles(method=method)
        programs = [cell.step().program for cell in cells]
        assert tuple(len(p.statements) for p in programs) == expected
        assert all("exprel" in str(p) for p in programs)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_hyperbolic_quotients_keep_their_slopes_far_away(provider: str):
    """Where exp of the argument overflows in float32."""
    x = torch.tensor([60.0, 200.0, 400.0, -60.0, -400.0], dtype=torch.float64)
    net = rv.Network(dt=0.1 * ms, provider=provider)
    net.population(
        "p", len(x), rv.Cell("x' = x : 1\nf = x/tanh(x) : 1\ng = tanh(x)/x : 1\nh = x/sinh(x) : 1", x=rv.Learn(x))
    )
    run = net.run(0.1 * ms, record={"p": ["f", "g", "h"]}, grad=True)["p"]
    (start,) = net.parameters()
    expected = {"f": (x.abs(), x.sign()), "g": (1 / x.abs(), -x.sign() / x**2), "h": (0 * x, 0 * x)}
    for name, (value, slope) in expected.items():
        found = getattr(run, name)[0, 0]
        (grad,) = torch.autograd.grad(found.sum(), start, retain_graph=True)
        torch.testing.assert_close(found.detach().double(), value, rtol=1e-6, atol=1e-20)
        torch.testing.assert_close(grad.double(), slope, rtol=1e-6, atol=1e-20)
