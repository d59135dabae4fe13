"""NEST's side of the workloads, where NEST has the model: double precision throughout, state carried between repetitions.

A leaky integrator is `iaf_psc_exp` with a capacitance of 250 pF, where 12.5 pA move the resting membrane by 1 mV. A synapse
of Ranvier and Brian2 acts a step later than its delay says, so its delay here is longer by a step.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import nest
import numpy as np
from nest import Connect, Create, NodeCollection

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.simulation import _workloads as constants
from benchmarks.simulation._workloads import BIAS, DELAY, DRIVE, DT, REFRACTORY, TAU, TAU_S, V_T, W_MAX, WORKLOADS, W

PACKAGES = ("nest-simulator", "numpy")
CAPACITANCE = 250.0
"""pF"""
PA = CAPACITANCE / TAU
"""pA that move the resting membrane by 1 mV."""
_LEAKY = {
    "C_m": CAPACITANCE, "tau_m": TAU, "tau_syn_ex": TAU_S, "tau_syn_in": TAU_S, "E_L": 0.0, "V_th": V_T, "V_reset": 0.0,
    "V_m": 0.0, "t_ref": REFRACTORY,
}  # fmt: skip
ABSENT = {
    "noise_coloured": "no generator of Ornstein-Uhlenbeck currents",
    "izhikevich": "its izhikevich cells have no synaptic current",
    "gap_junctions": "its leaky integrators have no gap junctions",
    "gap_junctions_float64": "its leaky integrators have no gap junctions",
    "nmda": "no synapse with these equations",
}
"""What NEST has no model for."""


@dataclass(frozen=True)
class Model:
    """The cells whose figure is compared: their rate, or the mean size of `variable`; recorders are emptied when read."""

    last: NodeCollection
    variable: str = ""
    recorders: list[NodeCollection] = field(default_factory=list)


def cells(size: int, current: Any = 0.0) -> NodeCollection:
    """Leaky integrators with a constant current in mV."""
    return Create("iaf_psc_exp", size, params=_LEAKY | {"I_e": (np.asarray(current) * PA).tolist()})


def driven(size: int, groups: int = 1) -> NodeCollection:
    """With membranes at any phase, and a current for each cell of a group, the same ones in all groups."""
    group = cells(groups * size, np.tile(np.linspace(*DRIVE, size), groups))
    group.V_m = nest.random.uniform(0.0, V_T)
    return group


def joined(pre: NodeCollection, post: NodeCollection, p: float, weight: float, delay: Any = DELAY) -> None:
    """Synapses of one weight in mV."""
    Connect(pre, post, {"rule": "pairwise_bernoulli", "p": p}, {"weight": weight * PA, "delay": DT + delay})


def trains(count: int, rate: float) -> NodeCollection:
    """Relays of a Poisson train each, that all of their targets receive."""
    relays = Create("parrot_neuron", count)
    Connect(Create("poisson_generator", params={"rate": rate}), relays, syn_spec={"delay": DT})
    return relays


def alone() -> Model:
    return Model(driven(10_000))


def acyclic() -> Model:
    first, second = driven(5000), cells(5000, BIAS)
    joined(first, second, 0.02, 1.0)
    return Model(second)


def chain() -> Model:
    before = driven(1000)
    for _ in range(9):
        after = cells(1000, BIAS)
        joined(before, after, 0.1, 1.2)
        before = after
    return Model(before)


def poisson() -> Model:
    """Each cell receives a train of its own from one generator."""
    return _fed(Create("poisson_generator", params={"rate": 1000.0}))


def poisson_in_time() -> Model:
    nest.SetDefaults("sinusoidal_poisson_generator", {"individual_spike_trains": True})
    wave = {"rate": 1000.0, "amplitude": 500.0, "frequency": 5.0}
    return _fed(Create("sinusoidal_poisson_generator", params=wave))


def _fed(source: NodeCollection, rule: str = "all_to_all") -> Model:
    group = cells(10_000)
    Connect(source, group, rule, {"weight": W * PA, "delay": DT})
    return Model(group)


def poisson_rates() -> Model:
    rates = np.linspace(500, 1500, 10_000).tolist()
    return _fed(Create("poisson_generator", 10_000, params={"rate": rates}), "one_to_one")


def poisson_sparse() -> Model:
    group = cells(10_000)
    joined(trains(1000, 10.0), group, 0.1, W, 0.0)
    return Model(group)


def noise() -> Model:
    """Of a current that stays for a step, as large as adds the same variance in it."""
    group = cells(10_000, 15.0)
    size = CAPACITANCE * 5.0 * (2 / (TAU * DT)) ** 0.5
    Connect(Create("noise_generator", params={"std": size, "dt": DT}), group, syn_spec={"delay": DT})
    return Model(group)


def recurrent(longest: float) -> Model:
    exc, inh = driven(3200), driven(800)
    for pre, weight in ((exc, 0.1), (inh, -0.4)):
        for post in (exc, inh):
            joined(pre, post, 0.02, weight, nest.random.uniform(0.0, longest) if longest else 0.0)
    return Model(exc)


def many(populations: int, size: int, targets: int) -> Model:
    groups = [driven(size) for _ in range(populations)]
    for k in range(populations):
        for j in range(targets):
            joined(groups[k], groups[(k + j) % populations], 0.1, 0.1)
    return Model(groups[0])


def many_as_one(populations: int, size: int, targets: int) -> Model:
    group = driven(size, populations)
    pre, post = constants.edges(populations, size, targets)
    joint = {"weight": np.full(len(pre), 0.1 * PA), "delay": np.full(len(pre), DT + DELAY)}
    Connect(pre + 1, post + 1, "one_to_one", joint)
    return Model(group)


def adex() -> Model:
    group = Create("aeif_psc_exp", 4000, params={
        "C_m": CAPACITANCE, "g_L": PA, "E_L": -70.0, "V_th": -50.0, "Delta_T": 2.0, "V_peak": -30.0, "V_reset": -60.0, "t_ref": 0.0,
        "a": 0.0, "b": 2.0 * PA, "tau_w": 100.0, "w": 0.0, "V_m": -70.0, "tau_syn_ex": TAU_S, "tau_syn_in": TAU_S,
        "I_e": (np.linspace(*DRIVE, 4000) * PA).tolist(),
    })  # fmt: skip
    joined(group, group, 0.02, 0.1)
    return Model(group)


def hodgkin_huxley() -> Model:
    """Conductances of 1 in the equations are 100 nS here, beside 100 pF."""
    return Model(Create("hh_psc_alpha", 1000, params={
        "C_m": 100.0, "g_Na": 12_000.0, "g_K": 3600.0, "g_L": 30.0, "E_Na": 50.0, "E_K": -77.0, "E_L": -54.4, "I_e": 1000.0,
        "V_m": -65.0, "Act_m": 0.05, "Inact_h": 0.6, "Act_n": 0.32, "t_ref": 3.0,
    }))  # fmt: skip


def by_synapses(model: str, weight: float, **values: Any) -> Model:
    group = cells(1000)
    synapse = {"synapse_model": model, "weight": weight * PA, "delay": DT, **values}
    Connect(trains(1000, 10.0), group, {"rule": "pairwise_bernoulli", "p": 0.1}, synapse)
    return Model(group)


def plastic() -> Model:
    """The size of a step down is a part of that of a step up."""
    group = cells(1000)
    group.tau_minus = constants.TAU_STDP
    Connect(trains(1000, 10.0), group, {"rule": "pairwise_bernoulli", "p": 0.1}, {
        "synapse_model": "stdp_synapse", "weight": nest.random.uniform(0.0, W_MAX * PA), "Wmax": W_MAX * PA, "delay": DT,
        "lambda": constants.STEP_UP, "alpha": -constants.STEP_DOWN / constants.STEP_UP, "mu_plus": 0.0, "mu_minus": 0.0,
        "tau_plus": constants.TAU_STDP,
    })  # fmt: skip
    return Model(group)


def conductances() -> Model:
    """A conductance of 1 in the equations is the leak, 10 nS here."""
    leak, rest = 10.0, constants.REVERSAL
    groups = [Create("iaf_cond_exp", size, params={
        "C_m": leak * constants.CONSTANTS["tau"], "g_L": leak, "E_L": rest["E_L"], "E_ex": rest["E_e"], "E_in": rest["E_i"],
        "V_th": -50.0, "V_reset": -60.0, "t_ref": 5.0, "tau_syn_ex": constants.CONSTANTS["tau_e"],
        "tau_syn_in": constants.CONSTANTS["tau_i"], "V_m": nest.random.uniform(-65.0, -50.0),
        "g_ex": nest.random.uniform(0.0, 2 * leak), "g_in": nest.random.uniform(0.0, 20 * leak),
    }) for size in (3200, 800)]  # fmt: skip
    for pre, weight in zip(groups, (0.6, -6.7), strict=True):
        for post in groups:
            Connect(pre, post, {"rule": "pairwise_bernoulli", "p": 0.02}, {"weight": weight * leak, "delay": DT})
    return Model(groups[0])


def rates() -> Model:
    group = Create("tanh_rate_ipn", 1000, params={
        "tau": TAU, "sigma": 0.0, "lambda": 1.0, "mu": 0.0, "g": 1.0, "theta": 0.0, "rate": nest.random.uniform(-1.0, 1.0),
    })  # fmt: skip
    synapse = {"synapse_model": "rate_connection_delayed", "weight": nest.random.normal(0.0, 0.2), "delay": DT}
    Connect(group, group, {"rule": "pairwise_bernoulli", "p": 0.1}, synapse)
    return Model(group, "rate")


def traces() -> Model:
    group = driven(1000)
    meter = Create("multimeter", params={"record_from": ["V_m"], "interval": DT})
    Connect(meter, group, syn_spec={"delay": DT})
    return Model(group, recorders=[meter])


BUILD: dict[str, Callable[[], Model]] = {
    "alone": alone,
    "acyclic": acyclic,
    "chain": chain,
    "poisson": poisson,
    "poisson_sparse": poisson_sparse,
    "poisson_trains": poisson,
    "poisson_rates": poisson_rates,
    "poisson_in_time": poisson_in_time,
    "noise": noise,
    **{name: partial(recurrent, longest) for name, longest in constants.LONGEST.items()},
    **{name: partial(many, *sizes) for name, sizes in constants.MANY.items()},
    **{name: partial(many_as_one, *sizes) for name, sizes in constants.JOINED.items()},
    "adex": adex,
    "hodgkin_huxley": hodgkin_huxley,
    "depression": lambda: by_synapses("tsodyks2_synapse", 3 * W, U=0.5, u=0.5, x=1.0, tau_rec=100.0, tau_fac=0.0),
    "stochastic_release": lambda: by_synapses("bernoulli_synapse", 2 * W, p_transmit=0.5),
    "plastic": plastic,
    "conductances": conductances,
    "rates": rates,
    "traces": traces,
    "conductances_float64": conductances,
    "adex_float64": adex,
    "plastic_float64": plastic,
}


class WorkloadTask:
    """A workload; state continues between repetitions.

    The figure is that of as long a run as the other sides', a timed repetition takes a tenth of it.
    """

    formula: ClassVar[dict[str, Any]] = {}
    notes = ("Double precision, state continues between repetitions, each of a tenth of the others' time.",)

    def __init__(self, name: str, seed: int) -> None:
        self._seconds = WORKLOADS[name].seconds
        nest.ResetKernel()
        nest.verbosity = nest.VerbosityLevel.ERROR
        threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
        nest.SetKernelStatus({"resolution": DT, "rng_seed": seed, "local_num_threads": threads})
        self._model = BUILD[name]()
        self._recorders = list(self._model.recorders)
        if not self._model.variable:
            self._spikes = Create("spike_recorder")
            self._recorders.append(self._spikes)
            Connect(self._model.last, self._spikes, syn_spec={"delay": DT})

    def _advance(self, duration: float) -> float:
        """Seconds of NEST's run per biological second, without its preparation; what was recorded before is dropped first."""
        for recorder in self._recorders:
            recorder.n_events = 0
        nest.Prepare()
        start = time.perf_counter()
        nest.Run(duration * 1e3)
        seconds = time.perf_counter() - start
        nest.Cleanup()
        return seconds / duration

    def step(self) -> float:
        return self._advance(self._seconds / 10)

    def check(self) -> dict[str, np.ndarray]:
        self._advance(self._seconds)
        last = self._model.last
        if self._model.variable:
            return {"figure": np.array(np.abs(last.get(self._model.variable)).mean())}
        return {"figure": np.array(self._spikes.n_events / len(last) / self._seconds)}


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if bench not in BUILD:
        raise NotOffered(ABSENT.get(bench, f"not written for {bench}"))
    return WorkloadTask(bench, int(inputs["seed"]))
