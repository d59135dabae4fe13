"""SLTT, OTTT and e-prop against their formulas, written out step by step without any automatic derivative."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.training.rules.feedback import Feedback
from ranvier.units import ms
from tests.training.networks import TAU, TAU_OUT, X, Y, build, distance, gradient, lif

Tensor = torch.Tensor
BETA, KAPPA = math.exp(-1 / TAU), math.exp(-1 / TAU_OUT)
PROVIDERS = pytest.mark.parametrize("provider", ["cpu", "reference"])


def slope(u: Tensor) -> Tensor:
    return 1 / (1 + (math.pi * u) ** 2)


def parameters(net: rv.Network) -> dict[str, Tensor]:
    return {n: q.detach() for n, q in net.named_parameters()}


def named(net: rv.Network, found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n: found[n] for n, _ in net.named_parameters()}


def error_of(out: Tensor) -> Tensor:
    """dL/dv of the read-out at one step: cross-entropy, averaged over steps and samples."""
    return (out.softmax(1) - torch.nn.functional.one_hot(Y, 3)) / (len(X) * len(Y))


def online(net: rv.Network, remember: bool) -> dict[str, Tensor]:
    """SLTT where nothing is remembered, else OTTT: errors through space times traces."""
    w = parameters(net)
    W, b = [w[f"linear{k}.weight"] for k in (1, 2, 3)], [w[f"linear{k}.bias"] for k in (1, 2, 3)]
    decay = [BETA, BETA, KAPPA]
    v = [torch.zeros(4, len(m), dtype=torch.float64) for m in W]
    trace = [torch.zeros(4, m.shape[1], dtype=torch.float64) for m in W]
    ones = [0.0] * 3
    found = {n: torch.zeros_like(q) for n, q in w.items()}
    for x in X:
        z, levels = x, []
        for k in range(3):
            kept = decay[k] if remember else 0.0
            trace[k], ones[k] = kept * trace[k] + z, kept * ones[k] + 1
            drive = z @ W[k].T + b[k]
            v[k] = decay[k] * v[k] + (drive if k < 2 else (1 - KAPPA) * drive)
            levels.append(v[k])
            if k < 2:
                z = (v[k] > 1).double()
                v[k] = v[k] - z
        e = (1 - KAPPA) * error_of(v[2])
        for k in (2, 1, 0):
            found[f"linear{k + 1}.weight"] += e.T @ trace[k]
            found[f"linear{k + 1}.bias"] += ones[k] * e.sum(0)
            if k:
                e = (e @ W[k]) * slope(levels[k - 1] - 1)
    return found


@PROVIDERS
@pytest.mark.parametrize("rule", [rv.rules.SLTT(window=5), rv.rules.OTTT(window=5)])
def test_errors_through_space_times_traces(rule: rv.rules.Rule, provider: str) -> None:
    net = build(lif, deep=True, provider=provider)
    expected = named(net, online(net, remember=isinstance(rule, rv.rules.OTTT)))
    assert distance(expected, gradient(net, rule)) < 1e-9
    assert distance(expected, gradient(net, rv.rules.BPTT())) > 1e-2


def eligible(net: rv.Network, B: Callable[[Tensor], Tensor], adaptation: float) -> dict[str, Tensor]:
    """e-prop with eligibility vectors of membrane and adaptation, filtered by the read-out's leak (Bellec et al. 2020)."""
    w = parameters(net)
    rho = math.exp(-1 / 200)
    W, R, W_out = w["linear1.weight"], w["recurrent1.weight"], w["linear2.weight"]
    into = torch.cat([W, R, w["linear1.bias"][:, None], w["recurrent1.bias"][:, None]], 1)
    zero = torch.zeros(4, 7, dtype=torch.float64)
    v, a, z, out = zero, zero, zero, torch.zeros(4, 3, dtype=torch.float64)
    e_v = torch.zeros(4, *into.shape, dtype=torch.float64)
    e_a, filtered, total = torch.zeros_like(e_v), torch.zeros_like(e_v), torch.zeros_like(into)
    z_filtered, ones = torch.zeros_like(z), 0.0
    found = {n: torch.zeros_like(q) for n, q in w.items()}
    for x in X:
        given = torch.cat([x, z, torch.ones(4, 2, dtype=torch.float64)], 1)
        v, a = BETA * v + given @ into.T, rho * a
        level = v - 1 - adaptation * a
        z = (level > 0).double()
        e_v, e_a = BETA * e_v + given[:, None, :], rho * e_a
        e = slope(level)[..., None] * (e_v - adaptation * e_a)
        v = v - z * (1 + adaptation * a)
        e_v, e_a = e_v - z[..., None] * adaptation * e_a, e_a + (1 - rho) * e
        a = a + (1 - rho) * z
        out = KAPPA * out + (1 - KAPPA) * (z @ W_out.T + w["linear2.bias"])
        z_filtered, ones = KAPPA * z_filtered + (1 - KAPPA) * z, KAPPA * ones + 1 - KAPPA
        filtered = KAPPA * filtered + (1 - KAPPA) * e
        error = error_of(out)
        total += torch.einsum("bj,bji->ji", B(error), filtered)
        found["linear2.weight"] += error.T @ z_filtered
        found["linear2.bias"] += ones * error.sum(0)
    found["linear1.weight"], found["recurrent1.weight"] = total[:, :8], total[:, 8:15]
    found["linear1.bias"], found["recurrent1.bias"] = total[:, 15], total[:, 16]
    return found


@PROVIDERS
@pytest.mark.parametrize("adaptive_cell", [False, True])
@pytest.mark.parametrize("feedback", ["symmetric", "random", "adaptive"])
def test_eprop_is_eligibility_times_learning_signal(provider: str, adaptive_cell: bool, feedback: str) -> None:
    cell = (lambda n: rv.ALIF(n, tau=TAU * ms)) if adaptive_cell else lif
    net = build(cell, recurrent=True, provider=provider)
    W = parameters(net)["linear2.weight"]
    drawn = Feedback(net, feedback, 0.01, 0, 0)
    name = next(iter(drawn.hidden))
    if feedback == "random":
        B = drawn._random(f"{name}/{net.outputs[0]}/x", 3, 7, W)
    else:
        B = W + (drawn._random("linear2/difference", 3, 7, W) if feedback == "adaptive" else 0)
    expected = named(net, eligible(net, lambda e: e @ B, 1.8 if adaptive_cell else 0.0))
    rule = rv.rules.EProp(feedback=feedback, window=5)  # type: ignore[arg-type]
    assert distance(expected, gradient(net, rule)) < 1e-9


def test_adaptive_feedback_comes_to_equal_the_weights() -> None:
    net = build(lif)
    rule = rv.rules.EProp(feedback="adaptive", decay=0.1)
    symmetric = gradient(net, rv.rules.EProp())
    apart = []
    for update in (0, 20, 200):
        net.zero_grad()
        rule.gradient(net, X, rv.rules.PerStep(lambda o: rv.losses.EveryStep()(o, Y), update=update))
        apart.append(distance(symmetric, {n: q.grad.clone() for n, q in net.named_parameters() if q.grad is not None}))
    assert apart[0] > 5 * apart[1] > 25 * apart[2]
    assert apart[2] < 1e-6


def test_a_learnt_adaptation_has_an_eligibility_too() -> None:
    """Without a recurrent projection e-prop leaves out the reset of the membrane alone: a cell without it equals BPTT."""

    def cell(size: int) -> rv.Cell:
        values = {"tau": rv.Learn(8 * ms), "rho": rv.Learn(0.9)}
        text = "v' = exp(-dt/tau)*v + x : 1\na' = rho*a : 1\nx : 1 (input)"
        return rv.Cell(text, threshold="v > 1 + a", reset="a += 0.3", size=size, **values)

    for provider in ("cpu", "reference"):
        net = build(cell, provider=provider)
        assert distance(gradient(net, rv.rules.BPTT()), gradient(net, rv.rules.EProp(window=5))) < 1e-9


@PROVIDERS
def test_cells_of_currents_and_refractoriness(provider: str) -> None:
    """The eligibility of any cell is its program's: with no reset to cut and no recurrence, e-prop is BPTT."""

    def cell(size: int) -> rv.Cell:
        text = "dv/dt = (x - v)/tau_m : 1 (unless refractory)\nx : 1 (input)"
        made = rv.Cell(text, threshold="v > 0.3", refractory=2 * ms, tau_m=rv.Learn(10 * ms), size=size)
        return made + rv.Exponential("x", tau=5 * ms)

    net = build(cell, provider=provider)
    ours, whole = gradient(net, rv.rules.EProp(window=4)), gradient(net, rv.rules.BPTT())
    assert all(float(g.abs().max()) > 0 for g in whole.values())
    assert distance(whole, ours) < 1e-9
