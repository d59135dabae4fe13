"""Gradients through recurrent circuits of single synapses: cpu equals reference, whatever they are made of and cut into."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import ranvier as rv
from ranvier.errors import NonFiniteError, RanvierError
from ranvier.units import Hz, ms, mV

pytestmark = pytest.mark.filterwarnings("ignore:.*has no synapses")
CONDUCTANCES = """
dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV  (unless refractory)
dg_e/dt = -g_e / tau_e : 1
dg_i/dt = -g_i / tau_i : 1
"""
CURRENTS = """
dv/dt   = (E_L - v + 20*mV*(g_e - g_i)) / tau_m : mV  (unless refractory)
dg_e/dt = -g_e / tau_e : 1
dg_i/dt = -g_i / tau_i : 1
"""
SURROGATES = {
    "compact": rv.surrogates.Triangle(width=4 * mV),
    "box": rv.surrogates.Boxcar(width=6 * mV),
    "long": rv.surrogates.ArcTan(width=2 * mV),
}


@dataclass(frozen=True)
class Circuit:
    """What a random circuit is made of."""

    seed: int
    exc: int
    inh: int
    equations: str
    delays: str
    weights: str
    surrogate: str
    refractory: float

    def build(self, provider: str) -> rv.Network:
        net = rv.Network(
            dt=0.5 * ms, seed=self.seed, dtype=torch.float64, provider=provider, surrogate=SURROGATES[self.surrogate]
        )
        cell = rv.Cell(
            self.equations, threshold="v > V_t", reset="v = V_r", refractory=self.refractory * ms, E_L=-57 * mV,
            V_t=-50 * mV, V_r=-60 * mV, tau_m=rv.Learn(20 * ms), tau_e=5 * ms, tau_i=rv.Learn(10 * ms),
            **({"E_e": 0 * mV, "E_i": -80 * mV} if self.equations is CONDUCTANCES else {}),
        )  # fmt: skip
        start = rv.Uniform(-65 * mV, -49 * mV)
        net.population("exc", self.exc, cell, v=rv.Learn(start))
        net.population("inh", self.inh, cell, v=start)
        net.source("noise", rv.Poisson(60 * Hz, 5))
        net.connect("noise", ["exc", "inh"], rv.FixedProbability(0.5), to="g_e", weight=rv.Learn(0.3), delay=1 * ms)
        for pre, to, weight in (("exc", "g_e", 0.6), ("inh", "g_i", 0.9)):
            net.connect(
                pre, ["exc", "inh"], rv.FixedProbability(0.4), to=to, weight=self.weight(weight), delay=self.delay()
            )
        return net

    def weight(self, value: float) -> Any:
        if self.weights == "each":
            return rv.Learn(rv.Uniform(0.5 * value, 1.5 * value))
        return rv.Learn(value) if self.weights == "shared" else value

    def delay(self) -> Any:
        if self.delays == "one":
            return 1.5 * ms
        if self.delays == "none":
            return 0 * ms
        spread = rv.Uniform(0.5 * ms, 4 * ms)
        return rv.Learn(spread, min=0.5 * ms, max=4 * ms) if self.delays == "learnt" else spread


CIRCUITS = st.builds(
    Circuit,
    seed=st.integers(0, 5),
    exc=st.integers(1, 24),
    inh=st.integers(1, 9),
    equations=st.sampled_from([CONDUCTANCES, CURRENTS]),
    delays=st.sampled_from(["none", "one", "each", "learnt"]),
    weights=st.sampled_from(["each", "shared", "fixed"]),
    surrogate=st.sampled_from(sorted(SURROGATES)),
    refractory=st.sampled_from([0.0, 2.0]),
)
WANTED = {"exc": ["spikes", "v"], "inh": ["spikes", "g_e"]}


def score(signals: Any, first: int = 0) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for n, names in WANTED.items():
        for v in names:
            x = signals[n][v]
            steps = torch.arange(first, first + x.shape[0], dtype=torch.float64)
            cells = torch.arange(x.shape[-1], dtype=torch.float64)
            total = total + (x * torch.cos(0.1 * steps[:, None, None] + cells)).sum()
    return total


def learn(net: rv.Network, pieces: list[int], **how: Any) -> dict[str, Tensor]:
    """The gradient of a score of everything, over pieces of so many steps."""
    state, total, fired = None, torch.zeros((), dtype=torch.float64), 0.0
    for steps in pieces:
        first = 0 if state is None else state.step
        run = net.run(steps * 0.5 * ms, state, stream=0, grad=True, record=WANTED, **how)
        state = run.state
        total = total + (score(run.records, first) if run.loss is None else run.loss)
        fired += float(run["exc"].spikes.detach().sum()) if run.records else 0.0
    assert state is not None
    total = total + sum(v.sum() for values in state.variables.values() for v in values.values())
    net.zero_grad()
    total.backward()
    gradients = {n: torch.zeros_like(p) if p.grad is None else p.grad.clone() for n, p in net.named_parameters()}
    return {"score": total.detach(), "fired": torch.tensor(fired), **gradients}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    for name in a:
        scale = float(a[name].abs().max()) if a[name].numel() else 0.0
        torch.testing.assert_close(
            b[name], a[name], rtol=1e-8, atol=1e-8 * max(1.0, scale), msg=f"{name}: {a[name]} and {b[name]}"
        )


CASES = {
    "circuit": CIRCUITS,
    "steps": st.integers(1, 60),
    "cut": st.integers(0, 59),
    "segment": st.sampled_from([None, 1, 3.5, 20]),
}


@settings(deadline=None, max_examples=10)
@given(**CASES)
def test_equal_to_the_reference(circuit: Circuit, steps: int, cut: int, segment: float | None) -> None:
    equal_to_the_reference(circuit, steps, cut, segment)


@pytest.mark.slow
@settings(deadline=None, max_examples=80)
@given(**CASES)
def test_many_are_equal_to_the_reference(circuit: Circuit, steps: int, cut: int, segment: float | None) -> None:
    equal_to_the_reference(circuit, steps, cut, segment)


def equal_to_the_reference(circuit: Circuit, steps: int, cut: int, segment: float | None) -> None:
    pieces = [cut, steps - cut] if 0 < cut < steps else [steps]
    wanted = learn(circuit.build("reference"), [steps])
    how = {} if segment is None else {"segment": segment * ms}
    same(wanted, learn(circuit.build("cpu"), pieces, **how))


def example(**changes: Any) -> Circuit:
    return Circuit(**{"seed": 1, "exc": 24, "inh": 6, "equations": CONDUCTANCES, "delays": "learnt", "weights": "each",
                      "surrogate": "compact", "refractory": 2.0, **changes})  # fmt: skip


def test_the_example_is_alive_and_everything_in_it_has_a_gradient() -> None:
    found = learn(example().build("cpu"), [200])
    assert float(found["fired"]) > 50
    assert all(bool((g != 0).any()) for n, g in found.items())


def test_a_loss_by_segments_is_the_loss_of_the_whole() -> None:
    wanted = learn(example().build("cpu"), [90])
    found = learn(example().build("cpu"), [90], segment=11 * ms, loss=score)
    same({n: v for n, v in wanted.items() if n != "fired"}, found)


@pytest.mark.parametrize("batch", [1, 2, 15, 16, 18])
@pytest.mark.parametrize("delays", ["one", "each", "learnt"])
def test_batches(batch: int, delays: str) -> None:
    """Few samples are driven by lists, many fill vectors: both are the reference."""
    found = []
    for provider in ("reference", "cpu"):
        net = example(delays=delays).build(provider)
        net.input("x", 24)
        net.connect("x", "exc", rv.OneToOne(), to="g_e", weight=0.5)
        x = (torch.rand(40, batch, 24, generator=torch.Generator().manual_seed(0)) < 0.1).double().requires_grad_()
        seen = net.observe(x, net.initial_state(batch, stream=0), record=WANTED)
        score(seen).backward()
        found.append({n: p.grad for n, p in net.named_parameters()} | {"x": x.grad, "score": score(seen).detach()})
    same(found[0], found[1])


def test_gradients_of_a_current() -> None:
    """A tensor in a TimedArray, against finite differences of a circuit without spikes in reach of a threshold."""
    values = torch.full((4, 3), 2.0, dtype=torch.float64, requires_grad=True)

    def run(current: Tensor) -> Tensor:
        net = rv.Network(dt=1 * ms, seed=1, dtype=torch.float64)
        net.population("a", 3, rv.Cell("dv/dt = (I - v)/(10*ms) : 1\nI : 1 (input)", threshold="v > 99", reset="v = 0"))
        net.source("I", rv.TimedArray(current, dt=5 * ms))
        net.connect("I", "a", rv.OneToOne(), to="I")
        return (net.run(20 * ms, stream=0, grad=True, record={"a": ["v"]})["a"].v ** 2).sum()

    torch.autograd.gradcheck(run, [values], eps=1e-6, atol=1e-7)


REFUSED = {
    "every": ({"every": 1 * ms}, "every="),
    "to": ({"to": "x.zarr"}, "to='x.zarr'"),
    "checkpoint": ({"checkpoint": "x"}, "checkpoint='x'"),
    "sample": ({"record": {"exc": [rv.Sample("v", every=1 * ms)]}}, "record names"),
    "segment": ({"segment": 0.1 * ms}, "segment="),
    "unknown": ({"record": {"exc": ["w"]}}, "cannot record 'w'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_gradient_is_refused_by_name(what: str) -> None:
    how, said = REFUSED[what]
    with pytest.raises(RanvierError, match=said):
        example().build("cpu").run(5 * ms, stream=0, grad=True, **how)


def test_synapses_without_gradient_are_refused_by_name() -> None:
    for more, said in (({"plasticity": rv.plasticity.STDP()}, "is plastic"), ({}, "is procedural")):
        net = example().build("cpu")
        rule = rv.FixedProbability(0.2) if more else rv.Procedural(rv.FixedProbability(0.2))
        net.connect("exc", "exc", rule, to="g_e", weight=0.1, name="bad", **more)
        with pytest.raises(RanvierError, match=f"'bad' {said}"):
            net.run(5 * ms, stream=0, grad=True)


def test_mistakes_around_it() -> None:
    net = example().build("cpu")
    with torch.no_grad(), pytest.raises(RanvierError, match="no_grad"):
        net.run(5 * ms, stream=0, grad=True)
    with pytest.raises(RanvierError, match="belongs to grad=True"):
        net.run(5 * ms, stream=0, segment=1 * ms)  # pyright: ignore[reportCallIssue, reportArgumentType]
    run = net.run(5 * ms, stream=0, grad=True, record={"exc": ["v"]})
    with pytest.raises(AttributeError, match="'spikes' was not recorded"):
        _ = run["exc"].spikes
    with pytest.raises(KeyError, match="'inh' was not recorded"):
        _ = run["inh"]
    with torch.no_grad():
        net.populations["exc"].v_0.fill_(torch.inf)
    with pytest.raises(NonFiniteError, match="exc"):
        net.run(5 * ms, stream=0, grad=True)


def held(steps: int, after: bool = False, **how: Any) -> int:
    """Bytes between the passes (``after``: both): what autograd keeps, and every tensor that Python still reaches."""
    net, kept = example(exc=100, inh=30).build("cpu"), {}

    def note(t: Tensor) -> Tensor:
        kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
        run = net.run(steps * 0.5 * ms, stream=0, grad=True, record=WANTED, **how)
    if after:
        kept.clear()
        (score(run.records) if run.loss is None else run.loss).backward()
    gc.collect()
    for found in gc.get_objects():
        if type(found) in (Tensor, torch.nn.Parameter):
            note(found)
    assert run.state.step == steps
    return sum(kept.values())


def test_what_is_kept_does_not_grow_with_the_steps() -> None:
    """With segments only the states at their borders stay."""
    net = example(exc=100, inh=30).build("cpu")
    border = sum(t.nbytes for t in net.initial_state(1).tensors().values())
    held(100)
    whole = held(500) - held(200)
    bounded, after = (
        held(500, late, segment=50 * ms, loss=score) - held(200, late, segment=50 * ms, loss=score)
        for late in (False, True)
    )
    assert whole > 300 * 130 * 4 * 8  # four numbers and more of every cell and step
    assert bounded <= 8 * (border + 20_000)  # and what belongs to a call, such as the random state of torch
    assert after <= 8 * (border + 20_000)


def test_a_gradient_run_is_the_run() -> None:
    net = example(delays="each").build("cpu")
    plain = net.run(100 * ms, stream=0, record={"exc": ["spikes"]})
    run = net.run(100 * ms, stream=0, grad=True, record={"exc": ["spikes"]})
    step, _, cell = torch.nonzero(run["exc"].spikes.detach(), as_tuple=True)
    assert step.tolist() == plain["exc"].spikes.step.tolist()
    assert cell.tolist() == plain["exc"].spikes.cell.tolist()
    assert run.state.step == plain.state.step
    after = net.run(5 * ms, run.state.detach(), stream=0, grad=True, record={"exc": ["v"]})
    assert after["exc"].v.shape == (10, 1, 24)
    assert list(after["exc"]) == ["v"]
