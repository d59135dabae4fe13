"""Initial values as texts: their numbers, names, order, randomness, gradients, files and mistakes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.dynamics import read_starts
from ranvier.errors import DimensionError, EquationError, RanvierError, TrainingError
from ranvier.units import mS, ms, mV, uF
from ranvier.values import gaussian_quantile, key_of, uniforms

LEAK = "dv/dt = (E - v)/tau : mV\ndw/dt = -w/tau : 1\nhalf = 0.5*v/mV + drive : 1\ndrive : 1 (input)"


def leak(**values: Any) -> rv.Cell:
    given = {"E": -60 * mV, "tau": 10 * ms, **values}
    return rv.Cell(LEAK, emit="v", **given)


def start(cell: rv.Cell, size: int | tuple[int, ...] = 6, batch: int = 1, **options: Any) -> dict[str, torch.Tensor]:
    net = rv.Network(dt=1 * ms, seed=options.pop("seed", 1), dtype=options.pop("dtype", torch.float64))
    net.population("cells", size, cell, **options)
    return dict(net.initial_state(batch=batch, stream=0).variables["cells"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [1, 7])
def test_the_numbers_are_those_of_the_text(dtype: torch.dtype, batch: int) -> None:
    found = start(leak(v="E + i*mV/N", w="half + 3*t/tau"), batch=batch, dtype=dtype)
    v = -60 + torch.arange(6, dtype=torch.float64) / 6
    assert found["v"].dtype == dtype
    torch.testing.assert_close(found["v"], v.to(dtype).expand(batch, 6), rtol=0, atol=0)
    torch.testing.assert_close(found["w"], (0.5 * v).to(dtype).expand(batch, 6), rtol=0, atol=0)


def test_the_index_runs_over_a_shape() -> None:
    found = start(leak(v="i*mV", w="N"), (2, 3))
    torch.testing.assert_close(found["v"][0], torch.arange(6.0, dtype=torch.float64).reshape(2, 3))
    assert (found["w"] == 6).all()


def test_names_of_the_model_come_first() -> None:
    cell = rv.Cell("dv/dt = -v*i/tau : 1", emit="v", tau=10 * ms, i=3.0, v="i*N", N=2.0)
    assert (start(cell)["v"] == 6).all()


def test_gates_of_hodgkin_and_huxley_start_at_their_steady_state() -> None:
    cell = rv.Cell(
        """
        dv/dt = (g*(E_Na - v)*m**3*h)/C : mV
        dm/dt = alpha_m*(1 - m) - beta_m*m : 1
        dh/dt = alpha_h*(1 - h) - beta_h*h : 1
        alpha_m = 0.1*(v/mV + 40)/(1 - exp(-(v/mV + 40)/10))/ms : 1/ms
        beta_m = 4*exp(-(v/mV + 65)/18)/ms : 1/ms
        alpha_h = 0.07*exp(-(v/mV + 65)/20)/ms : 1/ms
        beta_h = 1/(1 + exp(-(v/mV + 35)/10))/ms : 1/ms
        """,
        emit="v",
        g=120 * mS,
        C=1 * uF,
        E_Na=50 * mV,
        h="alpha_h/(alpha_h + beta_h)",
        m="alpha_m/(alpha_m + beta_m)",
        v="-65*mV + 5*mV*i",
    )
    found = {n: x[0].numpy() for n, x in start(cell).items()}
    v = -65 + 5.0 * np.arange(6)
    u = np.where(v == -40, 1.0, v + 40)
    alpha = np.where(v == -40, 1.0, 0.1 * u / (1 - np.exp(-u / 10)))  # 0/0 at -40 mV
    np.testing.assert_allclose(found["m"], alpha / (alpha + 4 * np.exp(-(v + 65) / 18)), rtol=1e-12)
    alpha = 0.07 * np.exp(-(v + 65) / 20)
    np.testing.assert_allclose(found["h"], alpha / (alpha + 1 / (1 + np.exp(-(v + 35) / 10))), rtol=1e-12)


def test_draws_are_counted_by_seed_name_and_place() -> None:
    text = "E + 2*mV*rand() - 1*mV*rand() + 3*mV*randn()"
    one, many = (start(leak(v=text), batch=b)["v"] for b in (1, 3))
    assert torch.equal(many[:1], one)
    assert not torch.equal(many[1], many[0])
    first, second, third = (
        torch.from_numpy(uniforms(key_of(1, f"cells.v.{n}"), 18)).reshape(3, 6)
        for n in ("rand()", "rand() [2]", "randn()")
    )
    normal = torch.from_numpy(gaussian_quantile(third.numpy()))
    torch.testing.assert_close(many, -60 + 2 * first - second + 3 * normal)
    assert torch.equal(start(leak(v=text, w="rand()"))["v"], one)
    assert not torch.equal(start(leak(v=text), seed=2)["v"], one)


def test_other_variables_see_the_drawn_values() -> None:
    found = start(leak(v=rv.Uniform(-70 * mV, -50 * mV), w="v/mV"), batch=3)
    assert torch.equal(found["w"], found["v"])
    found = start(leak(w="2*v/mV", v="rand()*mV"), batch=3)
    assert torch.equal(found["w"], 2 * found["v"])


def test_a_population_may_give_the_text() -> None:
    assert torch.equal(start(leak(), v="i*mV")["v"], start(leak(v="i*mV"))["v"])


def test_a_parameter_may_serve_the_start_alone() -> None:
    cell = leak(v="E + jump*i", jump=2 * mV)

    def run(provider: str) -> torch.Tensor:
        net = rv.Network(dt=1 * ms, provider=provider)
        net.population("cells", 4, cell, output=True)
        net.input("x", 4)
        net.connect("x", "cells", rv.OneToOne(), to="drive")
        return net(torch.zeros(3, 1, 4))[0]

    runs = [run(provider) for provider in ("cpu", "reference")]
    torch.testing.assert_close(*runs)
    torch.testing.assert_close(runs[0][0, 0], -60 + 2 * torch.arange(4.0) * float(np.exp(-0.1)))


def test_a_start_follows_its_parameters() -> None:
    net = rv.Sequential(
        rv.Linear(3, 2, bias=False), leak(v="2*E", tau=rv.Learn(10 * ms), E=rv.Learn(-60 * mV)), dt=1 * ms
    )
    x = torch.zeros(2, 1, 3)
    with torch.no_grad():
        before = net(x)[0]
        next(p for n, p in net.named_parameters() if n.endswith(".E")).fill_(-30)
        torch.testing.assert_close(net(x)[0], before / 2)


def test_gradients_reach_parameters_through_the_start() -> None:
    net = rv.Network(dt=1 * ms, dtype=torch.float64)
    net.population("cells", 3, leak(v="shift*(i + 1)", shift=rv.Learn(2 * mV)), output=True)
    net.input("x", 3)
    net.connect("x", "cells", rv.OneToOne(), to="drive")
    out, _ = net(torch.zeros(1, 1, 3, dtype=torch.float64))
    out.sum().backward()
    grad = next(p.grad for n, p in net.named_parameters() if n.endswith("shift"))
    torch.testing.assert_close(grad, torch.tensor(6 * np.exp(-0.1)))


def test_rules_without_a_gradient_of_the_start_refuse_a_learnt_one() -> None:
    net = rv.Sequential(rv.Linear(3, 2), rv.LIF(2, tau=rv.Learn(5 * ms), v="0.1*tau/ms"), dt=1 * ms)
    data = torch.rand(8, 4, 3), torch.arange(8) % 2
    with pytest.raises(TrainingError, match="the initial v of 'lif1'"):
        rv.train(net, data, epochs=1, rule=rv.rules.OTTT(), progress=False)


def test_files_keep_the_text(tmp_path: Path) -> None:
    net = rv.Network(dt=1 * ms, seed=3)
    net.population("cells", 5, leak(v="E + 5*mV*rand()", w="half"))
    rv.save(net, tmp_path / "net.safetensors")
    read = rv.load(tmp_path / "net.safetensors")
    assert read.populations["cells"].cell.values["v"] == "E + 5*mV*rand()"
    for n, x in net.initial_state(batch=2, stream=4).variables["cells"].items():
        assert torch.equal(read.initial_state(batch=2, stream=4).variables["cells"][n], x)


def test_a_start_beyond_the_threshold_warns_unless_drawn() -> None:
    def spiking(v: str) -> rv.Network:
        net = rv.Network(dt=1 * ms)
        net.population("cells", 5, rv.Cell(LEAK, threshold="v > -50*mV", reset="v = E", E=-60 * mV, tau=10 * ms, v=v))
        return net

    with pytest.warns(rv.errors.RanvierWarning, match="cell 3 starts beyond"):
        spiking("E + 4*mV*i").run(2 * ms)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spiking("E + 100*mV*rand()").run(2 * ms)


MISTAKES: dict[str, tuple[dict[str, Any], type[RanvierError], tuple[str, ...]]] = {
    "dimension": ({"v": "5*nA"}, DimensionError, ("v = 5*nA", "mV", "nA")),
    "no unit": ({"v": "-60"}, DimensionError, ("v = -60", "mV")),
    "sum": ({"v": "E + rand()"}, DimensionError, ("'rand()'", "multiply")),
    "circle": ({"v": "w*mV", "w": "half"}, EquationError, ("v <- w <- v", "needs itself", "number")),
    "itself": ({"v": "v + 1*mV"}, EquationError, ("v <- v",)),
    "argument": ({"v": "rand(3)*mV"}, EquationError, ("rand(3)", "write rand()")),
    "brackets": ({"v": "randn*mV"}, EquationError, ("write randn()",)),
    "name": ({"v": "E_L"}, EquationError, ("'E_L'",)),
    "step": ({"v": "E*dt/ms"}, EquationError, ("dt", "write a time")),
    "noise": ({"w": "xi*ms**0.5"}, EquationError, ("white noise",)),
    "syntax": ({"v": "E +"}, EquationError, ("'E +'", "correct it")),
    "empty": ({"v": ""}, EquationError, ("cannot read the expression",)),
    "parameter": ({"tau": "i*ms"}, EquationError, ("tau='i*ms'", "array", "rv.Uniform")),
    "unknown": ({"u": "i*ms"}, EquationError, ("u='i*ms'",)),
    "input": ({"drive": "i"}, EquationError, ("drive='i'",)),
    "several": ({"v": ["i*mV", "0*mV"]}, EquationError, ("one text for all cells",)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_name_the_line_and_the_remedy(mistake: str) -> None:
    values, kind, words = MISTAKES[mistake]
    with pytest.raises(kind) as caught:
        leak(**values)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_values_that_are_not_finite_name_the_cell() -> None:
    with pytest.raises(EquationError, match=r"'cells': w of cell 2 starts at inf.*\n.*w = 1/\(i - 2\)"):
        start(leak(w="1/(i - 2)"))
    with pytest.raises(EquationError, match=r"w of cell \(0, 2\) starts at nan"):
        start(leak(w="sqrt(1 - i)"), (2, 3))


def test_a_text_cannot_be_learnt() -> None:
    with pytest.raises(RanvierError, match="mark the parameters"):
        rv.Learn("i*mV")


def test_a_subexpression_with_noise_has_no_start() -> None:
    equations = "dv/dt = (loud - v)/tau : 1\nloud = xi*sqrt(tau) : 1"
    with pytest.raises(EquationError, match=r"randn\(\)"):
        rv.Cell(equations, emit="v", tau=1 * ms, v="loud")


def test_starts_are_in_the_order_in_which_they_can_be_computed() -> None:
    system = leak().system
    assert [s.variable for s in read_starts({"w": "v/mV", "v": "E"}, system)] == ["v", "w"]
