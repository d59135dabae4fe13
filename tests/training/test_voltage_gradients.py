"""Gradients of voltage losses against central differences in float64: silent cells, spiking ones, and what each reset does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from benchmarks.training.voltage_gradients import KINDS, Fit, errors
from ranvier.dynamics import Reset
from ranvier.errors import RanvierError, TrainingError
from ranvier.units import ms, nA, nS, pF
from tests.training.networks import LOSS, X, Y, build

Tensor = torch.Tensor
PROVIDERS = ["cpu", "reference"]


@pytest.mark.parametrize("spiking", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_by_default_a_fit_has_the_derivative_of_the_simulation(kind: str, spiking: bool) -> None:
    fit = Fit(kind, 3, spiking, "cpu")
    assert fit.fires == spiking
    wanted = fit.differences(1e-5)
    assert wanted is not None
    assert np.median(errors(fit.gradient("auto"), wanted)) < 1e-6


@pytest.mark.parametrize("spiking", [False, True])
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "Hodgkin-Huxley"])
def test_by_default_a_fit_on_the_reference_has_it_too(kind: str, spiking: bool) -> None:
    fit = Fit(kind, 3, spiking, "reference")
    wanted = fit.differences(1e-5)
    assert fit.fires == spiking
    assert wanted is not None
    assert np.median(errors(fit.gradient("auto"), wanted)) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("spiking", [False, True])
def test_by_default_random_fits_have_the_derivative_of_the_simulation(spiking: bool) -> None:
    """At least 100 silent and 100 spiking fits."""
    found: list[float] = []
    for seed in range(18):
        for kind in KINDS:
            fit = Fit(kind, 10 + seed, spiking, "cpu")
            if fit.fires == spiking and (wanted := fit.differences(1e-5)) is not None:
                found += errors(fit.gradient("auto"), wanted)
    assert len(found) > 300
    assert np.median(found) < 1e-6
    assert np.quantile(found, 0.9) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("spiking", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_by_default_random_fits_on_the_reference_have_it_too(kind: str, spiking: bool) -> None:
    """Five of every kind, and the gradient that the compiled kernels give."""
    found: list[float] = []
    seeds = iter(range(10, 50))
    for _ in range(5):
        fit = next(f for f in (Fit(kind, seed, spiking, "reference") for seed in seeds) if f.fires == spiking)
        wanted, gradient = fit.differences(1e-5), fit.gradient("auto")
        if wanted is not None:
            found += errors(gradient, wanted)
        assert max(errors(gradient, Fit(kind, fit.seed, spiking, "cpu").gradient("auto"))) < 1e-6
    assert np.median(found) < 1e-6
    assert np.quantile(found, 0.9) < 1e-4


@pytest.mark.parametrize("kind", ["current LIF", "AdEx"])
@pytest.mark.slow
def test_spike_times_are_differentiated_where_they_are_asked_for(kind: str) -> None:
    """Differences of a step 64 times finer, over which spikes move by many steps."""
    far: dict[str, list[float]] = {"times": [], "auto": []}
    for seed in range(8):
        wanted = Fit(kind, seed, True, "cpu", 64, 4).differences(1e-3)
        if wanted is not None:
            for reset, found in far.items():
                found += errors(Fit(kind, seed, True, "cpu", 8, 4).gradient(reset), wanted)
    assert np.median(far["times"]) < 0.2 * np.median(far["auto"])


class TestSilentAdEx:
    """0.4 nA for 100 ms, no spike, loss mean((v + 60 mV)**2)."""

    def _loss(
        self, provider: str, values: dict[str, float], reset: str | None = None
    ) -> tuple[float, dict[str, float]]:
        units = {"C_m": pF, "g_L": nS, "a": nS}
        net = rv.Network(dt=0.1 * ms, dtype=torch.float64, provider=provider)
        net.population("n", 1, rv.AdEx(**{k: rv.Learn(x * units[k]) for k, x in values.items()}))
        net.source("i", rv.TimedArray(np.full((1000, 1), 0.4), dt=0.1 * ms))
        net.connect("i", "n", rv.OneToOne(), to="I", weight=1 * nA)
        how = {} if reset is None else {"reset": reset}
        run = net.run(100 * ms, grad=True, record={"n": ["v", "spikes"]}, **how)
        assert not run["n"].spikes.any()
        assert float(run["n"].v.detach().max()) == pytest.approx(-57.617, abs=1e-3)
        loss = (run["n"].v + 60).square().mean()
        loss.backward()
        # the parameters are in nF and uS
        return float(loss.detach()), {n.split(".")[-1]: float(q.grad) for n, q in net.named_parameters()}

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_the_gradient_is_that_of_the_equations(self, provider: str) -> None:
        values = {"C_m": 281.0, "g_L": 30.0, "a": 4.0}
        found = self._loss(provider, values)[1]
        assert found == pytest.approx({"C_m": 7.5787, "g_L": -1388.52, "a": -372.897}, rel=1e-4)
        for n, x in values.items() if provider == "cpu" else ():
            high, low = (self._loss(provider, {**values, n: x * (1 + s)})[0] for s in (1e-5, -1e-5))
            assert found[n] == pytest.approx((high - low) / (2e-5 * x * 1e-3), rel=1e-6)

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_a_surrogate_in_the_reset_falsifies_it(self, provider: str) -> None:
        found = self._loss(provider, {"C_m": 281.0, "g_L": 30.0, "a": 4.0}, "surrogate")[1]
        assert found == pytest.approx({"C_m": 12.6, "g_L": -802, "a": -243}, rel=0.02)


class TestTheChoice:
    def _net(self, reader: bool) -> rv.Network:
        torch.manual_seed(0)
        net = rv.Network(dt=1 * ms, dtype=torch.float64)
        net.input("x", 3)
        net.population("a", 3, rv.LIF(tau=rv.Learn(20 * ms)))
        net.connect("x", "a", rv.OneToOne(), to="x")
        if reader:
            net.population("b", 1, rv.LeakyReadout(), output=True)
            net.connect("a", "b", rv.Linear(3, 1), delay=0 * ms)
        return net

    def _grad(self, net: rv.Network, record: list[str], loss: str, **how: str) -> Tensor:
        x = 0.3 * torch.rand(40, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        net.zero_grad()
        net.observe(x, record={"a": record}, **how)["a"][loss].square().sum().backward()
        return next(q.grad.clone() for n, q in net.named_parameters() if n.endswith("a.tau"))

    @pytest.mark.parametrize(
        ("reader", "record", "loss", "chosen"),
        [
            (False, ["v"], "v", "detached"),
            (False, ["v", "spikes"], "v", "detached"),
            (False, ["spikes"], "spikes", "surrogate"),
            (True, ["v"], "v", "surrogate"),
        ],
    )
    def test_it_follows_from_what_is_read(self, reader: bool, record: list[str], loss: str, chosen: str) -> None:
        net = self._net(reader)
        other = {"detached": "surrogate", "surrogate": "detached"}[chosen]
        found = self._grad(net, record, loss)
        torch.testing.assert_close(found, self._grad(net, record, loss, reset=chosen), rtol=0, atol=0)
        assert not torch.allclose(found, self._grad(net, record, loss, reset=other), rtol=1e-3)

    def test_one_word_everywhere(self) -> None:
        net, x = self._net(True), torch.ones(5, 1, 3, dtype=torch.float64)
        net(x, reset="detached")
        net.step(x[0], reset="detached")
        for rule in (rv.rules.BPTT, rv.rules.SLTT, rv.rules.OTTT, rv.rules.EProp, rv.rules.RTRL):
            assert rule(reset="detached").reset == "detached"
            with pytest.raises(TrainingError, match=r"reset=True must be 'auto', 'surrogate'"):
                rule(reset=True)
        with pytest.raises(TrainingError, match="EventProp"):
            rv.rules.BPTT(reset="times")
        with pytest.raises(RanvierError, match=r"reset='off' must be 'auto'.* or 'times'"):
            net(x, reset="off")
        with pytest.raises(RanvierError, match=r'reset="times" needs differential equations'):
            net(x, reset="times")

    @pytest.mark.parametrize("reset", ["surrogate", "detached", "level"])
    def test_rules_that_follow_the_whole_gradient_take_it_alike(self, reset: Reset) -> None:
        net = build(lambda n: rv.ALIF(n, tau=10 * ms, tau_a=30 * ms))

        def gradient(rule: rv.rules.Rule) -> Tensor:
            net.zero_grad()
            rule.gradient(net, X, rv.rules.PerStep(lambda out: LOSS(out, Y)))
            return torch.cat([q.grad.flatten() for q in net.parameters() if q.grad is not None])

        whole = gradient(rv.rules.BPTT(reset=reset))
        torch.testing.assert_close(gradient(rv.rules.RTRL(reset=reset)), whole, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(gradient(rv.rules.EProp(reset=reset)), whole, rtol=1e-10, atol=1e-12)
        parts = [gradient(rv.rules.OTTT(window=w, reset=reset)) for w in (1, 7)]
        torch.testing.assert_close(*parts, rtol=1e-10, atol=1e-12)

    def test_a_simulation_without_gradient_has_none_to_choose(self) -> None:
        net = rv.Network(dt=0.1 * ms)
        net.population("n", 1, rv.CurrentLIF())
        with pytest.raises(RanvierError, match="belongs to grad=True"):
            net.run(1 * ms, reset="detached")
