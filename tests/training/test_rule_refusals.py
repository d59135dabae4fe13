"""What a rule cannot do is said by name, with the remedy, before anything is computed; and all rules train and resume."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.units import ms
from tests.training.conftest import make_net
from tests.training.job import make_task
from tests.training.networks import X, build, gradient, lif

R = rv.rules
quiet = partial(rv.train, progress=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: R.SLTT(keep=0), "keep=0 must be a positive whole number"),
        (lambda: R.SLTT(window=2.5), "window=2.5 must be a positive"),  # type: ignore[arg-type]
        (lambda: R.OTTT(window=-1), "window=-1"),
        (lambda: R.EProp(feedback="mirror"), "feedback='mirror' must be"),  # type: ignore[arg-type]
        (lambda: R.EProp(decay=1.5), "decay=1.5"),
        (lambda: R.EProp(window=True), "window=True"),
        (lambda: R.RTRL(window=0), "RTRL: window=0"),
        (lambda: R.SnAp1(window=4), "leave it at 1"),
        (lambda: R.EvolutionStrategies(population=3), "population=3 must be even"),
        (lambda: R.EvolutionStrategies(sigma=0.0), "sigma=0.0"),
        (lambda: R.EvolutionStrategies(sigma=float("nan")), "sigma=nan"),
        (lambda: rv.losses.TimeToFirstSpike(dt=0 * ms), "must be a positive time"),
    ],
)
def test_bad_arguments(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        make()


def _late_and_normed() -> rv.Sequential:
    parts = (rv.Linear(8, 7), nn.BatchNorm1d(7), rv.LIF(7), rv.Linear(7, 3, delay=4 * ms), rv.LeakyReadout(3))
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)


def _to_the_output() -> rv.Sequential:
    parts = (rv.Linear(8, 7), rv.LIF(7), rv.Linear(7, 3, delay=rv.Uniform(0 * ms, 3 * ms)), rv.LeakyReadout(3))
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)


def _round_a_cycle() -> rv.Network:
    net = rv.Network(dt=1 * ms, dtype=torch.float64)
    x, exc, inh = net.input("x", 8), net.population("exc", 7, rv.LIF()), net.population("inh", 4, rv.LIF())
    net.connect(x, exc, rv.Linear(8, 7))
    net.connect(exc, inh, rv.Linear(7, 4))
    net.connect(inh, exc, rv.Linear(4, 7))
    net.connect(exc, net.population("out", 3, rv.LeakyReadout(), output=True), rv.Linear(7, 3))
    return net


def _with(*middle: Any) -> Callable[[], rv.Sequential]:
    def make() -> rv.Sequential:
        parts = (rv.Linear(8, 7), *middle, rv.LIF(7), rv.Linear(7, 3), rv.LeakyReadout(3))
        return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)

    return make


def _start() -> rv.Sequential:
    parts = (rv.Linear(8, 7), rv.LIF(7, v=rv.Learn(0.5)), rv.Linear(7, 3), rv.LeakyReadout(3))
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)


def _convolution() -> rv.Sequential:
    parts = (nn.Unflatten(1, (1, 8)), nn.Conv1d(1, 2, 3), rv.ALIF(), nn.Flatten(), rv.Linear(12, 3), rv.LeakyReadout(3))
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)


def _scattered() -> rv.Sequential:
    first = rv.Conv1d(1, 2, 3, delay=rv.Uniform(0 * ms, 3 * ms))
    parts = (
        nn.Unflatten(1, (1, 8)),
        rv.LIF((1, 8)),
        first,
        rv.LIF(),
        nn.Flatten(),
        rv.Linear(12, 3),
        rv.LeakyReadout(3),
    )
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)


def _noisy() -> rv.Sequential:
    cell = rv.Cell(
        "dv/dt = -v/tau + x + xi/tau**0.5 : 1\nx : kHz (input)", threshold="v > 1", reset="v = 0", tau=5 * ms
    )
    parts = (rv.Linear(8, 7), cell, rv.Linear(7, 3), rv.LeakyReadout(3))
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)


@pytest.mark.parametrize(
    ("make", "rule", "message"),
    [
        (
            _late_and_normed,
            R.SLTT(),
            "runs some steps twice where a delay follows cells that learn, but projection 'linear1'",
        ),
        (_round_a_cycle, R.SLTT(), "spikes in a cycle, but 'inh' learns and reaches the output only through a cycle"),
        (_round_a_cycle, R.OTTT(), "give the projections onto 'inh' fixed weights"),
        (_round_a_cycle, R.EProp(), "'inh' projects to no output: use feedback='random'"),
        (
            _to_the_output,
            R.EProp(feedback="adaptive"),
            "a weight matrix with one delay, but projection 'linear2' is not one",
        ),
        (_start, R.SLTT(), "initial v of 'lif1'"),
        (_start, R.EProp(), "initial v of 'lif1'"),
        (_with(nn.BatchNorm1d(7)), R.OTTT(), "holds BatchNorm1d"),
        (_with(nn.Dropout(0.5)), R.EProp(), "holds Dropout"),
        (_with(nn.BatchNorm1d(7)), R.RTRL(), "runs sample by sample, but projection 'linear1' holds BatchNorm1d"),
        (_scattered, R.OTTT(), "a delay per synapse and weights that many cells share"),
        (_convolution, R.EProp(feedback="random"), "is neither one matrix nor single synapses"),
        (_convolution, R.SnAp1(), "lead to one cell each"),
        (_noisy, R.RTRL(), "draws noise"),
        (partial(build, lif), R.SLTT(keep=30), "keep=30 steps of a series of 23"),
        (partial(build, lif, deep=True), R.EProp(), "'lif1' projects to no output: use feedback='random'"),
        (partial(build, lif), R.EventProp(), "has a rule for the next value of v"),
    ],
)
def test_refused_by_name(make: Callable[[], rv.Network], rule: rv.rules.Rule, message: str) -> None:
    net = make()
    with pytest.raises(TrainingError, match=message):
        gradient(net, rule)


def test_steps_that_are_run_again_must_not_draw() -> None:
    with pytest.raises(TrainingError, match="depends on xi"):
        gradient(_noisy(), R.SLTT(keep=3), per_step=False)


def test_a_large_network_is_not_for_rtrl() -> None:
    net = rv.Sequential(rv.Linear(700, 256), rv.LIF(256), rv.Linear(256, 20), rv.LeakyReadout(20), dt=1 * ms)
    with pytest.raises(TrainingError, match="it is for small networks"):
        R.RTRL().gradient(net, torch.zeros(3, 2, 700), torch.sum)


@pytest.mark.parametrize("rule", [R.SLTT(), R.OTTT(), R.EProp(), R.RTRL(), R.EvolutionStrategies(population=2)])
def test_no_spikes_and_one_step_are_no_trouble(rule: rv.rules.Rule) -> None:
    net = build(lif)
    for x in (torch.zeros_like(X), X[:1]):
        found = gradient(net, rule, x=x)
        assert all(bool(torch.isfinite(g).all()) for g in found.values())


ALL = [
    R.SLTT(window=4),
    R.SLTT(keep=3),
    R.OTTT(window=4),
    R.EProp(feedback="random"),
    R.EProp(feedback="adaptive", decay=0.1),
]


EVERY = [
    *ALL, R.BPTT(), R.BPTT(window=4), R.BPTT(checkpoint=3), R.SLTT(), R.OTTT(), R.EProp(), R.RTRL(), R.SnAp1(),
    R.EvolutionStrategies(population=4, sigma=0.1),
]  # fmt: skip


@pytest.mark.parametrize("rule", EVERY, ids=repr)
def test_resumed_training_is_the_same_to_the_last_bit(rule: rv.rules.Rule, tmp_path: Path) -> None:
    how: dict[str, Any] = {"rule": rule, "loss": rv.losses.EveryStep(), "lr": 1e-2, "batch_size": 3}
    data = make_task(7, steps=6)
    whole, parts = make_net(), make_net()
    expected = quiet(whole, data, epochs=3, **how)
    quiet(parts, data, epochs=2, checkpoint=tmp_path / "c", **how)
    other = make_net(seed=9)
    fit = quiet(other, data, epochs=3, checkpoint=tmp_path / "c", **how)
    assert [e.train for e in fit.history] == [e.train for e in expected.history]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("rule", [*ALL, R.BPTT(window=5)], ids=repr)
@pytest.mark.parametrize("loss", [rv.losses.EveryStep(), rv.losses.MaxOverTime()], ids=["one pass", "two passes"])
def test_rules_learn(rule: rv.rules.Rule, loss: rv.losses.Loss) -> None:
    net = make_net()
    fit = quiet(net, make_task(120), make_task(60, seed=1), epochs=12, rule=rule, loss=loss, lr=1e-2, batch_size=20)
    assert fit.best_score > 0.8


def _timed(seed: int = 0) -> rv.Network:
    """12 inputs, 20 cells and 3 outputs that fire, with synaptic currents."""
    torch.manual_seed(seed)
    text = "dv/dt = (I - v)/tau_m : 1\ndI/dt = -I/tau_s : 1"
    cell = rv.Cell(text, threshold="v > 0.2", reset="v = 0", tau_m=10 * ms, tau_s=5 * ms)
    net = rv.Network(dt=0.5 * ms)
    x, h, o = net.input("x", 12), net.population("h", 20, cell), net.population("o", 3, cell, output=True)
    for pre, post, module in ((x, h, rv.Linear(12, 20)), (h, o, rv.Linear(20, 3))):
        with torch.no_grad():
            module.weight.abs_().mul_(1.5)
        net.connect(pre, post, module, to="I", delay=1 * ms)
    return net


EARLY = rv.losses.TimeToFirstSpike(dt=0.5 * ms, temperature=1 * ms)


def _spoken(samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = make_task(samples)
    return x.repeat_interleave(2, 1), y


def test_spike_times_learn() -> None:
    fit = quiet(_timed(), _spoken(60), epochs=15, rule=R.EventProp(), loss=EARLY, lr=5e-3, batch_size=20)
    assert fit.history[-1].train.loss < 0.8 * fit.history[0].train.loss


def test_resumed_training_by_spike_times_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    how: dict[str, Any] = {"rule": R.EventProp(), "loss": EARLY, "lr": 5e-3, "batch_size": 8}
    whole, other = _timed(), _timed(seed=9)
    expected = quiet(whole, _spoken(20), epochs=3, **how)
    quiet(_timed(), _spoken(20), epochs=2, checkpoint=tmp_path / "c", **how)
    fit = quiet(other, _spoken(20), epochs=3, checkpoint=tmp_path / "c", **how)
    assert [e.train for e in fit.history] == [e.train for e in expected.history]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), other.parameters(), strict=True))
    assert not torch.equal(next(whole.parameters()), next(_timed().parameters()))
