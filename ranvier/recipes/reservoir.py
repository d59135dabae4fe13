"""A reservoir whose inhibition finds its own balance, and what that does for its memory."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ranvier.connectivity import AllToAll, FixedProbability, OneToOne
from ranvier.network import Network, OrnsteinUhlenbeck, SpikeTrain, TimedArray
from ranvier.neurons import Cell
from ranvier.recipes.parts.outcome import Outcome, publish
from ranvier.recipes.parts.runs import finished, synapses
from ranvier.recipes.parts.svg import svg
from ranvier.recipes.parts.verdicts import Verdict
from ranvier.synapses import Plasticity
from ranvier.units import ms, mV
from ranvier.values import Uniform

__all__ = ["EQUATIONS", "circuit", "inhibitory_plasticity", "run"]

EQUATIONS = """
dv/dt = (E_L - v + g_e - g_i + I + x)/tau_m : mV (unless refractory)
dg_e/dt = -g_e/tau_e : mV
dg_i/dt = -g_i/tau_i : mV
I : mV (input)
x : mV (input)
"""
#: each value of the signal lasts so many ms; a cell's wanted rate in Hz
_HOLD, _TARGET = 20.0, 10.0
_LAGS = 15


def inhibitory_plasticity(rate: float = _TARGET) -> Plasticity:
    """Inhibition grows where cells fire together, and shrinks at every inhibitory spike, until cells fire at ``rate`` Hz.

    At an inhibitory spike w += eta*(y - 2*rate*tau), at an excitatory one w += eta*x; x and y are traces (20 ms) of both.

    Source: Vogels et al., Science 2011.
    """
    return Plasticity(
        "dx/dt = -x/tau : 1\ndy/dt = -y/tau : 1",
        on_pre="x += 1; w = clip(w + eta*(y - alpha), 0*w_max, w_max)",
        on_post="y += 1; w = clip(w + eta*x, 0*w_max, w_max)",
        name="inhibitory", tau=20 * ms, eta=0.02 * mV, alpha=2 * rate * 20e-3, w_max=20 * mV,
    )  # fmt: skip


def circuit(signal: np.ndarray, cells: int = 400, *, fixed: float | None = None, seed: int = 1) -> Network:
    """Four excitatory cells for each inhibitory one, each pair joined with probability 0.1, under one common signal.

    An excitatory spike adds 1 mV to g_e (5 ms) up to 5 ms later, an inhibitory one its weight, at first 1 mV, to g_i
    (10 ms); onto excitatory cells that weight is plastic, unless it is ``fixed`` (mV). A cell sees the signal, held for 20 ms each,
    times a weight of its own between -12 and 12 mV, 16 mV of drive and coloured noise.

    Source: a spiking form of reservoirs that adapt their balance locally; balance by inhibitory plasticity after
    Vogels et al., Science 2011.
    """
    cell = Cell(
        EQUATIONS, threshold="v > V_th", reset="v = V_r", refractory=3 * ms, E_L=-65 * mV, V_th=-50 * mV, V_r=-60 * mV,
        tau_m=20 * ms, tau_e=5 * ms, tau_i=10 * ms, v=Uniform(-60 * mV, -50 * mV),
    )  # fmt: skip
    net = Network(dt=0.5 * ms, seed=seed)
    net.source("signal", TimedArray(signal[:, None], dt=_HOLD * ms))
    net.source("noise", OrnsteinUhlenbeck(16 * mV, 0.5 * mV, 5 * ms, cells))
    net.population("exc", cells, cell)
    net.population("inh", cells // 4, cell)
    net.connect("noise", "exc", OneToOne(), to="I")
    net.connect("signal", "exc", AllToAll(), to="x", weight=Uniform(-12 * mV, 12 * mV))
    wiring, late = FixedProbability(0.1), Uniform(0 * ms, 5 * ms)
    net.connect("exc", ["exc", "inh"], wiring, to="g_e", weight=1 * mV, delay=late)
    net.connect("exc", "inh", wiring, to="g_e", weight=2 * mV, delay=late)
    net.connect("inh", "inh", wiring, to="g_i", weight=1 * mV)
    rule, start = (inhibitory_plasticity(), 1.0) if fixed is None else (None, fixed)
    net.connect("inh", "exc", FixedProbability(0.4), to="g_i", weight=start * mV, plasticity=rule, name="balance")
    return net


def run(out: Path = Path("out"), seconds: float = 40.0, cells: int = 400, seed: int = 1) -> Path:
    """Let the balance settle, measure the memory with and without it, and write out/reservoir.html.

    Parameters
    ----------
    out
        Folder for the report; made if need be.
    seconds
        Biological time; inhibition settles in the first quarter, read-outs learn in the next half, the last is the test.
    cells
        Excitatory cells.
    seed
        Of signal, wiring and noise.
    """
    started = time.perf_counter()
    signal = np.random.default_rng(seed).uniform(-1, 1, int(seconds * 1000 / _HOLD))
    found, rates, rows, net, weight = {}, {}, [], circuit(signal, cells, seed=seed), None
    for name in ("self-balancing", "one weight for all"):
        net = circuit(signal, cells, fixed=weight, seed=seed)
        done = finished(net.run(seconds * 1000 * ms, stream=0, record={"exc": ["spikes"]}, progress=True))
        weight = weight or float(done.state.synapses["balance"]["w"].mean())
        spikes = done["exc"].spikes
        found[name] = _memory(spikes, signal)
        late = spikes.times > seconds * 750
        rates[name] = np.bincount(spikes.cell[late], minlength=spikes.size) / (seconds / 4)
        rows.append((name, f"{rates[name].mean():.1f} Hz", f"{rates[name].std():.2f} Hz", f"{found[name].sum():.2f}"))
    balanced, tuned = found.values()
    (mean, spread), wide = (
        (rates["self-balancing"].mean(), rates["self-balancing"].std()),
        rates["one weight for all"].std(),
    )
    outcome = Outcome(
        "reservoir", "A reservoir that balances itself",
        "A recurrent circuit remembers its recent input if its activity is neither silent nor saturated. Inhibitory synapses "
        "that change until every cell fires at a wanted rate find that state by themselves. Does memory grow?",
        "balance after Vogels et al., Science 2011; memory capacity after Jaeger, GMD Report 2001", EQUATIONS,
        ("inhibition", "mean rate", "sd", "capacity"), rows,
        (
            Verdict(
                abs(mean - _TARGET) < 5 and spread < wide,
                f"cells fire at {mean:.1f} Hz ({_TARGET:g} Hz were wanted), more alike (sd {spread:.2f} Hz) than under one weight ({wide:.2f} Hz)",
            ),
            Verdict(
                balanced.sum() > tuned.sum(),
                f"memory capacity {balanced.sum():.2f} against {tuned.sum():.2f} under one weight of the same mean; a gain was asked for",
            ),
        ),
        [(_picture(found), "How much of the signal so many values ago a linear read-out recovers on test data (squared correlation).")],
        net.plan(),
        (f"{cells} excitatory and {cells // 4} inhibitory cells, {synapses(net):,} synapses, steps of 0.5 ms. Read-outs are ridge regressions on spike counts of the excitatory cells, smoothed over 40 ms, one for each of {_LAGS} delays; the capacity is the sum over delays.",),
    )  # fmt: skip
    return publish(outcome, out, started)


def _memory(spikes: SpikeTrain, signal: np.ndarray) -> np.ndarray:
    """Squared correlation of signal and read-out on the last quarter, for 0, 1, … values ago [lags]."""
    bins = len(signal)
    counts = np.zeros((bins, spikes.size))
    np.add.at(counts, (np.minimum((spikes.times / _HOLD - 1e-9).astype(int), bins - 1), spikes.cell), 1)
    smooth = counts.copy()
    for k in range(1, bins):
        smooth[k] += np.exp(-_HOLD / 40) * smooth[k - 1]
    features = np.column_stack([smooth, np.ones(bins)])
    train, test = slice(bins // 4, bins * 3 // 4), slice(bins * 3 // 4, bins)
    gram = features[train].T @ features[train] + 10 * np.eye(features.shape[1])
    out = []
    for lag in range(_LAGS):
        wanted = np.concatenate([np.zeros(lag), signal[: bins - lag]])
        weights = np.linalg.solve(gram, features[train].T @ wanted[train])
        out.append(np.corrcoef(features[test] @ weights, wanted[test])[0, 1] ** 2)
    return np.nan_to_num(np.array(out))


def _picture(found: dict[str, np.ndarray]) -> str:
    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        for name, values in found.items():
            ax.plot(np.arange(len(values)) * _HOLD, values, marker="o", markersize=4, label=name)
        ax.set_xlabel("time since the value (ms)")
        ax.set_ylabel("recovered")
        ax.legend(frameon=False)

    return svg(draw, 6.0, 3.0, "memory", "Memory over delays")
