"""Variables of cells in ms hold a time right to a rounding of float64, in networks of any dtype and however long they run."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import ms, mV
from ranvier.units.steps import times_at

LATE = 10**10  # steps of 0.1 ms: 11 days
DTYPES = [torch.float32, torch.float64]
SINCE = "dv/dt = (0.5*exp(-(t - last)/tau) + x - v)/tau : 1\nlast' = last : ms\nx : 1 (input)"


def later(net: rv.Network, start: int, batch: int = 1, dt: float = 0.1) -> rv.State:
    """The first state, moved to step ``start`` together with its times."""
    state = net.initial_state(batch, stream=0)
    moved = {
        n: {v: x + start * dt if f"variables/{n}/{v}" in state.times else x for v, x in own.items()}
        for n, own in state.variables.items()
    }
    return replace(state, step=start, variables=moved)


def rings(
    provider: str, dtype: torch.dtype, start: int, *, join: bool, cut: int | None = None
) -> dict[str, np.ndarray]:
    """Cells that remember their last spike and rest 1 ms after each; with ``join`` as a circuit."""
    net = rv.Network(dt=0.1 * ms, seed=1, provider=provider, dtype=dtype)
    cell = rv.Cell(
        "dv/dt = (drive + 0.2*exp(-(t - last)/(5*ms)) - v)/(4*ms) : 1\n"
        "dg/dt = -g/(5*ms) : 1\nlast' = last : ms\nage = t - last : ms\nfree = last + rest : ms",
        threshold="v + g > 1 and t - last >= rest",
        reset="v = 0\nlast = t",
        drive=rv.Uniform(1.1, 1.3),
        rest=5 * ms,
        last=rv.Uniform(-80 * ms, -40 * ms),
    )
    net.population("cells", 37, cell)
    if join:
        net.connect("cells", "cells", rv.FixedProbability(0.3, autapses=False), to="g", weight=0.02, delay=0.5 * ms)
    state, pieces = later(net, start), []
    for count in [400] if cut is None else [cut, 400 - cut]:
        run = net.run(count * 0.1 * ms, state, record={"cells": ["spikes", "v", "last", "age", "free"]})
        state = run.state
        pieces.append(run["cells"])
    out = {n: np.concatenate([getattr(p, n) for p in pieces]) for n in ("v", "last", "age", "free")}
    spikes = [(p.spikes.step - start) * 37 + p.spikes.cell for p in pieces]
    return out | {"spikes": np.sort(np.concatenate(spikes)), "end": state.variables["cells"]["last"][0].numpy()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("join", [False, True])
def test_the_last_spike_alone_and_in_a_circuit(join: bool, dtype: torch.dtype) -> None:
    early = rings("reference", dtype, 0, join=join)
    assert early["spikes"].size > 100
    for provider in ("cpu", "reference"):
        late = rings(provider, dtype, LATE, join=join)
        assert late["last"].dtype == late["free"].dtype == late["end"].dtype == np.float64
        np.testing.assert_array_equal(late["spikes"], early["spikes"])
        fired = late["spikes"] // 37, late["spikes"] % 37
        np.testing.assert_array_equal(late["last"][fired], times_at(LATE + fired[0], 0.1))
        np.testing.assert_array_equal(late["end"], late["last"][-1])
        np.testing.assert_allclose(late["free"], late["last"] + 5, rtol=2e-16)
        np.testing.assert_allclose(late["v"], early["v"], rtol=0, atol=1e-6)
        np.testing.assert_allclose(late["age"], early["age"], rtol=1e-6, atol=1e-6)
        cut = rings(provider, dtype, LATE, join=join, cut=133)
        assert all(np.array_equal(cut[n], late[n]) for n in late)


def test_a_rest_written_with_the_last_spike_is_a_refractory_period() -> None:
    """The state ``last`` gives the very spikes of ``refractory=``; in float32 the period was 49 or 50 steps."""
    text = "dv/dt = (3 - v + g)/(20*ms){gate} : 1{flag}\ndg/dt = -g/(5*ms) : 1"
    found = []
    for dtype in DTYPES:
        for gate, flag, more in (
            ("", " (unless refractory)", {"refractory": 5 * ms}),
            ("*int(t - last > 5*ms)", "", {"last": -9 * ms}),
        ):
            net = rv.Network(dt=0.1 * ms, seed=1, dtype=dtype)
            whole = text.format(gate=gate, flag=flag) + ("\nlast' = last : ms" if gate else "")
            cell = rv.Cell(
                whole, threshold="v > 1", reset="v = 0" + ("\nlast = t" if gate else ""), method="euler", **more
            )
            net.population("cells", 60, cell, v=rv.Uniform(0, 1))
            net.connect("cells", "cells", rv.FixedProbability(0.2), to="g", weight=0.05)
            spikes = net.run(200 * ms, net.initial_state(stream=0), record={"cells": ["spikes"]})["cells"].spikes
            found.append(np.stack([spikes.step, spikes.cell]))
    for one in found[1:]:
        np.testing.assert_array_equal(one, found[0])


def test_the_output_of_a_network_may_be_a_time() -> None:
    for provider in ("cpu", "reference"):
        cell = rv.Cell(
            "last' = last : ms\nv' = 0.9*v + x : 1\nx : 1 (input)",
            threshold="v > 0.5",
            reset="last = t\nv = 0",
            emit="last",
            size=3,
        )
        net = rv.Sequential(rv.Linear(3, 3, bias=False), cell, dt=0.1 * ms, provider=provider)
        with torch.no_grad():
            net.projections["linear1"].chain[0].weight.copy_(torch.eye(3))
            out, state = net(torch.full((30, 1, 3), 0.2), later(net, LATE))
        assert torch.equal(out[-1], state.variables["cell1"]["last"])
        fired = np.arange(2, 30, 3)
        np.testing.assert_array_equal(out[fired, 0, 0].numpy(), times_at(LATE + fired, 0.1))


def test_a_pacemaker_fires_at_the_times_that_it_holds() -> None:
    for provider in ("cpu", "reference"):
        for start in (0, LATE):
            net = rv.Network(dt=0.7 * ms, seed=1, provider=provider)
            text, begin = "due' = due : ms\ndage/dt = 1 : ms", times_at(start + 3, 0.7) * ms
            cell = rv.Cell(text, threshold="t >= due", reset="due = due + gap\nage = 0*ms", gap=2.1 * ms, due=begin)
            net.population("cells", 3, cell)
            state = replace(net.initial_state(1, stream=0), step=start)
            run = net.run(21 * ms, state, record={"cells": ["spikes", "age"]})
            assert (run["cells"].spikes.step - start).tolist() == np.repeat(np.arange(3, 30, 3), 3).tolist()
            np.testing.assert_allclose(run["cells"].age[3:6, 0], [0, 0.7, 1.4], rtol=0, atol=1e-12)


def layers(provider: str, dtype: torch.dtype, tau: float = 10.0, *, back: bool = False) -> rv.Sequential:
    """A layer whose cells remember their last spike, in one operation with its read-out."""
    torch.manual_seed(1)
    cell = rv.Cell(
        SINCE,
        threshold="v > 1 and t - last > gap",
        reset="v = 0\nlast = t",
        tau=rv.Learn(tau * ms),
        gap=3 * ms,
        last=rv.Uniform(-90 * ms, -30 * ms),
        size=5,
    )
    first: list = [rv.Recurrent(cell, rv.Linear(5, 5, delay=0.2 * ms))] if back else [cell]
    net = rv.Sequential(
        rv.Linear(4, 5), *first, rv.Linear(5, 3), rv.LeakyReadout(3, tau=20 * ms),
        dt=0.1 * ms, seed=1, provider=provider, dtype=dtype, surrogate=rv.surrogates.Triangle(),
    )  # fmt: skip
    with torch.no_grad():
        net.projections["linear1"].chain[0].weight.abs_().mul_(4)
    return net


def learned(net: rv.Sequential, start: int, cut: int | None = None) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The loss of a call over 120 steps (or of two), and its gradient."""
    x = (torch.rand(120, 2, 4, generator=torch.Generator().manual_seed(1)) < 0.6).to(net.dtype)
    state, out = later(net, start, batch=2), []
    for piece in (x,) if cut is None else (x[:cut], x[cut:]):
        y, state = net(piece, state)
        out.append(y)
    loss = torch.cat(out).double().pow(2).sum() + (state.variables["cell1"]["last"] - 0.1 * start).mean()
    loss.backward()
    return loss.detach(), [p.grad.double() for p in net.parameters()]


@pytest.mark.parametrize("back", [False, True])
def test_gradients_of_layers_after_any_time(back: bool) -> None:
    exact, slopes = learned(layers("reference", torch.float64, back=back), 0)
    assert sum(float(g.norm()) for g in slopes) > 1
    for provider in ("cpu", "reference"):
        for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-7)):
            for start, cut in ((0, None), (LATE, None), (LATE, 47)):
                loss, found = learned(layers(provider, dtype, back=back), start, cut)
                torch.testing.assert_close(loss, exact, rtol=tolerance, atol=tolerance)
                for one, other in zip(found, slopes, strict=True):
                    torch.testing.assert_close(one, other, rtol=20 * tolerance, atol=20 * tolerance)


def test_the_gradient_through_a_time_is_that_of_finite_differences() -> None:
    """A time that is learnt, and one that a cell works out from a value."""

    def loss(start: float, dtype: torch.dtype, provider: str) -> tuple[torch.Tensor, rv.Sequential]:
        cell = rv.Cell(
            "dv/dt = (x + exp(-((t - centre)/width)**2) - v)/(3*ms) : 1\nx : 1 (input)\n"
            "centre' = centre + 0.01*(start_ + 2*ms*v - centre) : ms",
            emit="v",
            start_=rv.Learn(start * ms),
            width=2 * ms,
            centre=rv.Learn(4 * ms),
            size=2,
        )
        torch.manual_seed(1)
        net = rv.Sequential(rv.Linear(1, 2), cell, dt=0.1 * ms, dtype=dtype, seed=1, provider=provider)
        return net(torch.ones(80, 1, 1, dtype=dtype))[0].pow(2).sum(), net

    step = 1e-4
    up, down = (loss(3 + d, torch.float64, "reference")[0].item() for d in (step, -step))
    wanted = (up - down) / (2 * step)
    for provider in ("cpu", "reference"):
        for dtype, tolerance in ((torch.float64, 1e-7), (torch.float32, 1e-4)):
            total, net = loss(3, dtype, provider)
            total.backward()
            (found,) = (p.grad for n, p in net.named_parameters() if n.endswith(".start_"))
            assert float(found) == pytest.approx(wanted, rel=tolerance)


def test_rules_of_learning_take_cells_that_hold_a_time() -> None:
    x = (torch.rand(35, 2, 4, generator=torch.Generator().manual_seed(2)) < 0.9).double()
    data = torch.utils.data.TensorDataset(x.transpose(0, 1), torch.tensor([0, 1]))
    every = (
        rv.rules.BPTT(window=10),
        rv.rules.SLTT(),
        rv.rules.OTTT(),
        rv.rules.EProp(),
        rv.rules.RTRL(),
        rv.rules.SnAp1(),
    )
    for rule in every:
        weights = []
        for dtype in DTYPES:
            net = layers("cpu", dtype)
            rv.train(net, data, rule=rule, epochs=1, batch_size=2)
            weights.append(net.projections["linear1"].chain[0].weight.detach().double())
        torch.testing.assert_close(*weights, rtol=0, atol=1e-4)


def test_synapses_read_the_times_of_their_cells() -> None:
    rule = rv.Plasticity(
        on_pre="w += 0.01*exp(-(t - last_post)/tau)",
        on_post="w += -0.005*int(t - last_pre <= window)",
        tau=20 * ms,
        window=12 * ms,
    )
    ends = []
    for provider, dtype, start in (
        ("reference", torch.float64, 0),
        ("cpu", torch.float32, LATE),
        ("reference", torch.float32, LATE),
    ):
        net = rv.Network(dt=0.1 * ms, seed=1, provider=provider, dtype=dtype)
        cell = rv.Cell(
            "dv/dt = (drive - v)/(4*ms) : 1\ndg/dt = -g/(5*ms) : 1\nlast' = last : ms",
            threshold="v + 0*g > 1", reset="v = 0\nlast = t", drive=rv.Uniform(1.1, 1.3),
        )  # fmt: skip
        net.population("cells", 19, cell)
        net.connect("cells", "cells", rv.FixedProbability(0.4), to="g", weight=0.1, plasticity=rule, name="learnt")
        ends.append(net.run(40 * ms, later(net, start)).state.synapses["learnt"]["w"].double())
    assert ends[0].unique().numel() > 5
    for other in ends[1:]:
        torch.testing.assert_close(other, ends[0], rtol=0, atol=1e-6)


def test_a_state_keeps_its_times(tmp_path) -> None:
    net = layers("cpu", torch.float64)
    state = later(net, LATE, batch=2)
    rv.save_state(state, tmp_path / "state.safetensors")
    small = layers("cpu", torch.float32)
    x = torch.ones(3, 2, 4)
    for kept in (state, rv.load_state(tmp_path / "state.safetensors")):
        narrow = kept.to(torch.float32)
        assert narrow.variables["cell1"]["v"].dtype == torch.float32
        assert torch.equal(narrow.variables["cell1"]["last"], state.variables["cell1"]["last"])
        assert torch.equal(small(x, narrow)[1].variables["cell1"]["last"], state.variables["cell1"]["last"])
    old = later(small, 0, batch=2)
    rounded = {n: {v: x.float() for v, x in own.items()} for n, own in old.variables.items()}
    after = small(x, replace(old, variables=rounded, times=frozenset()))[1]
    assert after.variables["cell1"]["last"].dtype == torch.float64


def test_the_step_graph_holds_times_in_float64() -> None:
    from ranvier.kernels.step import NumpyStep

    for dtype in DTYPES:
        net = layers("cpu", dtype)
        state = later(net, LATE)
        graph = rv.step_graph(net, state)
        (inside,), (outside,) = graph.of("input"), graph.of("output")
        x = (torch.rand(60, 1, 4, generator=torch.Generator().manual_seed(1)) < 0.6).to(dtype)
        out, after = net(x, state)
        step = NumpyStep(graph)
        made = [step.step({inside.name: row[0].numpy()})[outside.name].copy() for row in x]
        np.testing.assert_allclose(np.stack(made), out[:, 0].detach().numpy(), rtol=1e-5, atol=1e-6)
        held = next(v for n, v in step.values.items() if n.startswith("state_") and "last" in n)
        np.testing.assert_array_equal(held, after.variables["cell1"]["last"][0].detach().numpy())


def test_samples_of_unequal_length_steps_and_files(tmp_path) -> None:
    net, x = layers("cpu", torch.float32), torch.ones(30, 2, 4)
    with torch.no_grad():
        whole, end = net(x, later(net, LATE, batch=2))
        _, after = net(x, later(net, LATE, batch=2), lengths=torch.tensor([12, 30]))
        _, short = net(x[:12], later(net, LATE, batch=2))
        state = later(net, LATE, batch=2)
        for row, wanted in zip(x, whole, strict=True):
            out, state = net.step(row, state)
            torch.testing.assert_close(out, wanted, rtol=0, atol=1e-6)
    held, ended, stepped, first = (s.variables["cell1"]["last"] for s in (end, after, state, short))
    assert torch.equal(stepped, held)
    assert torch.equal(ended, torch.stack([first[0], held[1]]))
    alone = rv.Network(dt=0.1 * ms, seed=1)
    alone.population("cells", 3, rv.Cell("due' = due : ms", threshold="t >= due", reset="due = due + 2*ms"))
    start = replace(alone.initial_state(stream=0), step=LATE)
    for to in (None, str(tmp_path / "records")):
        due = np.asarray(
            alone.run(5 * ms, start, record={"cells": ["due"]}, **({} if to is None else {"to": to}))["cells"].due
        )
        assert due.dtype == np.float64
    np.testing.assert_array_equal(np.asarray(rv.load_records(to)["cells"].due), due)


def test_what_reads_no_time_stays_in_float32() -> None:
    net = rv.Network(dt=0.1 * ms, seed=1)
    net.population(
        "cells",
        2,
        rv.Cell("dv/dt = (E + slope*t - v)/tau : mV\ntau = 5*ms + v*ms/mV : ms", E=0 * mV, slope=1 * mV / ms),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = net.run(1 * ms, replace(net.initial_state(), step=LATE), record={"cells": ["v", "tau"]})
    assert run["cells"].v.dtype == run["cells"].tau.dtype == np.float32
    assert not run.state.times


def test_a_quotient_of_times_is_named_where_it_becomes_undefined() -> None:
    for start in (0, LATE):
        net = rv.Network(dt=0.1 * ms, seed=1)
        when = float(times_at(start + 2, 0.1))
        net.population("cells", 3, rv.Cell("v' = v + (t - last)/abs(t - last) : 1\nlast' = last : ms", last=when * ms))
        with pytest.raises(rv.errors.NonFiniteError, match=r"the quotient '\(t - last\) / abs\(t - last\)' is 0/0"):
            net.run(1 * ms, replace(net.initial_state(), step=start))


@pytest.mark.parametrize("reset", ["surrogate", "level", "times"])
def test_a_threshold_of_times_has_a_gradient(reset: str) -> None:
    """Cells fire when an integrated age reaches a learnt period; float32 late equals float64 early."""
    found = []
    for provider, dtype, start in (
        ("reference", torch.float64, 0),
        ("cpu", torch.float64, LATE),
        ("cpu", torch.float32, LATE),
    ):
        cell = rv.Cell(
            "dage/dt = 1 + 0.2*x : ms\nx : 1 (input)",
            threshold="age >= period",
            reset="age = 0*ms",
            period=rv.Learn(2.05 * ms),
            size=3,
        )
        torch.manual_seed(1)
        net = rv.Sequential(rv.Linear(2, 3), cell, dt=0.1 * ms, seed=1, provider=provider, dtype=dtype)
        state = replace(net.initial_state(2, stream=0), step=start)
        out, _ = net(torch.ones(80, 2, 2, dtype=dtype), state, reset=reset)
        (out * torch.arange(80, dtype=dtype).reshape(-1, 1, 1)).sum().backward()
        found.append((out.detach().double(), *(p.grad.double() for p in net.parameters())))
    assert float(found[0][1].norm()) > 0
    for other in found[1:]:
        for one, wanted in zip(other, found[0], strict=True):
            torch.testing.assert_close(one, wanted, rtol=1e-4, atol=1e-4)
