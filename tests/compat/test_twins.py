"""Every cell of ``rv.compat`` equals the recorded run of its library: spikes, membranes, and the gradients of both.

``tests/witness/generate/compat_*.py`` made the records; ``test_peers.py`` runs the libraries again where they are installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.compat import norse, sinabs, snntorch, spikingjelly
from ranvier.units import ms

DATA = Path(__file__).parents[1] / "witness" / "data"
LEARNT = {"learn_beta": True, "learn_threshold": True}
Part = rv.Cell | rv.Recurrent

SNNTORCH: dict[str, Callable[[], Part]] = {
    **{
        f"{cell} {how}{'' if late else ' at once'}": lambda make=make, how=how, late=late: make(
            reset_mechanism=how, reset_delay=late, **LEARNT
        )
        for cell, make in (
            ("Leaky", lambda **w: snntorch.Leaky(0.9, size=3, **w)),
            ("Synaptic", lambda **w: snntorch.Synaptic(0.6, 0.85, learn_alpha=True, size=3, **w)),
            ("RLeaky", lambda **w: snntorch.RLeaky(0.9, linear_features=3, **w)),
        )
        for how in ("subtract", "zero", "none")
        for late in (True, False)
    },
    **{
        f"{cell} {how}": lambda make=make, how=how: make(reset_mechanism=how)
        for cell, make in (
            ("Alpha", lambda **w: snntorch.Alpha(0.9, 0.8, size=3, **LEARNT, **w)),
            ("Lapicque", lambda **w: snntorch.Lapicque(R=5.0, C=1.6, time_step=1.0, learn_threshold=True, size=3, **w)),
            (
                "RSynaptic",
                lambda **w: snntorch.RSynaptic(0.6, 0.85, linear_features=3, learn_alpha=True, **LEARNT, **w),
            ),
        )
        for how in ("subtract", "zero", "none")
    },
    "RLeaky one to one": lambda: snntorch.RLeaky(0.9, V=0.4, all_to_all=False, **LEARNT, size=3),
    "RSynaptic one to one": lambda: snntorch.RSynaptic(0.6, 0.85, V=-0.4, all_to_all=False, **LEARNT, size=3),
    "Leaky with another slope": lambda: snntorch.Leaky(
        0.8, threshold=0.7, spike_grad=rv.surrogates.FastSigmoid(alpha=25), learn_beta=True, size=3
    ),
    "Lapicque by beta": lambda: snntorch.Lapicque(beta=0.8, size=3),
}


def _spikingjelly() -> dict[str, Callable[[], Part]]:
    out: dict[str, Callable[[], Part]] = {}
    for name, soft, cut in (("hard", 0, 0), ("hard detached", 0, 1), ("soft", 1, 0), ("soft detached", 1, 1)):
        word: dict[str, Any] = {"detach_reset": bool(cut), "size": 3, **({"v_reset": None} if soft else {})}
        out[f"IFNode {name}"] = lambda w=word: spikingjelly.IFNode(**w)
        for decay, end in ((True, ""), (False, " plain input")):
            out[f"LIFNode {name}{end}"] = lambda w=word, d=decay: spikingjelly.LIFNode(3.0, decay_input=d, **w)
            out[f"ParametricLIFNode {name}{end}"] = lambda w=word, d=decay: spikingjelly.ParametricLIFNode(
                3.0, decay_input=d, **w
            )
        out[f"QIFNode {name}"] = lambda w=word: spikingjelly.QIFNode(**w)
        out[f"EIFNode {name}"] = lambda w=word: spikingjelly.EIFNode(**w)
        for scaled, end in ((False, ""), (True, " scaled")):
            out[f"KLIFNode {name}{end}"] = lambda w=word, s=scaled: spikingjelly.KLIFNode(s, 3.0, **w).with_values(
                k=rv.Learn(1.25)
            )
    out["LIFNode at another level"] = lambda: spikingjelly.LIFNode(2.5, v_threshold=0.8, v_reset=0.2, size=3)
    return out


NORSE: dict[str, Callable[[], Any]] = {
    "LIF": lambda: norse.LIF(size=3),
    "LIF triangle": lambda: norse.LIF(norse.LIFParameters(method="triangle", alpha=0.3), size=3),
    "LIF tanh": lambda: norse.LIF(norse.LIFParameters(method="tanh", alpha=2.0), size=3),
    "LIF circ": lambda: norse.LIF(norse.LIFParameters(method="circ", alpha=0.5), size=3),
    "LIF heavi_erfc": lambda: norse.LIF(norse.LIFParameters(method="heavi_erfc", alpha=2.0), size=3),
    "LIF at other levels": lambda: norse.LIF(
        norse.LIFParameters(tau_mem_inv=50.0, v_leak=0.25, v_th=0.75, v_reset=-0.5), dt=0.002, size=3
    ),
    "LIFBox": lambda: norse.LIFBox(size=3),
    "LIFBox subtract": lambda: norse.LIFBox(norse.LIFBoxParameters(reset_method="reset_subtract"), size=3),
    "LSNN": lambda: norse.LSNN(size=3),
    "LSNN fast": lambda: norse.LSNN(norse.LSNNParameters(tau_adapt_inv=32.0, beta=0.25), size=3),
    "LI": lambda: norse.LI(size=3),
    "LIFRecurrent": lambda: norse.LIFRecurrent(5, 3),
    "LIFRecurrent autapses": lambda: norse.LIFRecurrent(5, 3, autapses=True),
    "LSNNRecurrent": lambda: norse.LSNNRecurrent(5, 3),
}
SINABS: dict[str, Callable[[], Part]] = {
    "IAF": lambda: sinabs.IAF(size=3),
    "IAF many": lambda: sinabs.IAF(spike_threshold=0.75, size=3),
    "IAF single": lambda: sinabs.IAF(spike_fn="SingleSpike", size=3),
    "IAF cleared": lambda: sinabs.IAF(reset_fn="MembraneReset", size=3),
    "IAF single cleared": lambda: sinabs.IAF(spike_fn="SingleSpike", reset_fn="MembraneReset", size=3),
    "IAF bounded": lambda: sinabs.IAF(min_v_mem=-0.25, size=3),
    "IAF current": lambda: sinabs.IAF(tau_syn=4.0, size=3),
    "LIF": lambda: sinabs.LIF(8.0, size=3),
    "LIF many": lambda: sinabs.LIF(8.0, size=3),
    "LIF plain input": lambda: sinabs.LIF(8.0, norm_input=False, size=3),
    "LIF current": lambda: sinabs.LIF(8.0, tau_syn=4.0, size=3),
    "LIF factors": lambda: sinabs.LIF(8.0, tau_syn=4.0, train_alphas=True, size=3),
    "LIF single bounded": lambda: sinabs.LIF(8.0, spike_fn="SingleSpike", min_v_mem=0.0, size=3),
    "ALIF": lambda: sinabs.ALIF(8.0, 30.0, size=3),
    "ALIF current": lambda: sinabs.ALIF(8.0, 30.0, tau_syn=4.0, size=3),
    "ALIF plain input": lambda: sinabs.ALIF(8.0, 30.0, norm_input=False, train_alphas=True, size=3),
    "ExpLeak": lambda: sinabs.ExpLeak(8.0, size=3),
    "ExpLeak normed": lambda: sinabs.ExpLeak(8.0, norm_input=True, size=3),
}
CASES = {
    "snntorch": SNNTORCH,
    "spikingjelly": _spikingjelly(),
    "norse": NORSE,
    "sinabs": SINABS,
}
ALL = [(library, case) for library, cases in CASES.items() for case in cases]


@cache
def recorded(library: str) -> Mapping[str, np.ndarray]:
    with np.load(DATA / f"compat_{library}.npz") as file:
        return {key: file[key] for key in file.files}


def network(
    library: str, case: str, provider: str, dtype: torch.dtype
) -> tuple[rv.Sequential, dict[str, torch.Tensor]]:
    """The twin behind the recorded weights, and its learnable values by their recorded names."""
    data = recorded(library)
    made = CASES[library][case]()
    parts = made if isinstance(made, tuple) else (rv.Linear(5, 3, bias=False), made)
    net = rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider)
    name = next(iter(net.populations))
    learnt = {"weight": net.projections["linear1"].chain[0].weight, **dict(net.populations[name].named_parameters())}
    if "recurrent1" in net.projections:
        back = net.projections["recurrent1"].chain[0]
        learnt["back"], learnt["bias"] = back.weight, getattr(back, "bias", None)
    with torch.no_grad():
        learnt["weight"].copy_(torch.from_numpy(data["weight"] * data[f"{case}/gain"]))
        for key, start in starting(data, case, "start").items():
            learnt[key].copy_(torch.from_numpy(start if learnt[key].ndim == start.ndim else single(start)))
    return net, learnt


def starting(data: Mapping[str, np.ndarray], *path: str) -> dict[str, np.ndarray]:
    """The arrays below a path, by the rest of their names."""
    prefix = "/".join(path) + "/"
    return {k.removeprefix(prefix): a for k, a in data.items() if k.startswith(prefix)}


def single(matrix: np.ndarray) -> np.ndarray:
    """A matrix [post, pre] as single synapses from each cell to the others, in the order of rows of ``rv.AllToAll``."""
    return matrix.T[~np.eye(len(matrix), dtype=bool)]


def weighted(signal: torch.Tensor) -> torch.Tensor:
    weights = torch.cos(0.7 * torch.arange(signal.numel(), dtype=torch.float64)).reshape(signal.shape)
    return (signal * weights).sum()


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b)))


def check(library: str, case: str, provider: str) -> dict[str, float]:
    """How far the twin is from the record: largest difference of membranes, least cosine of a gradient."""
    data = recorded(library)
    net, learnt = network(library, case, provider, torch.float64)
    name = next(iter(net.populations))
    cell = net.populations[name].cell
    sends = "n" if cell.emit == "n" else "spikes"
    names = ["v", sends] if cell.threshold else ["v"]
    seen = net.observe(torch.from_numpy(data["x"]), record={name: names})[name]
    v = seen["v"].detach().numpy()
    far = np.abs(v - data[f"{case}/v"]).max() / max(1.0, np.abs(v).max())
    assert far < 5e-7, f"membranes differ by {far:.2g}"
    if sends in seen:
        np.testing.assert_array_equal(seen[sends].detach().numpy(), data[f"{case}/spikes"])
        assert data[f"{case}/spikes"].sum() > 20
    least = 1.0
    for key, expected in starting(data, case, "grad").items():
        signal, parameter = key.split("/")
        read = weighted(seen[sends if signal == "spikes" else "v"])
        found = torch.autograd.grad(read, learnt[parameter], retain_graph=True)[0].numpy()
        expected = expected if found.ndim == expected.ndim else single(expected)
        if max(np.abs(expected).max(), np.abs(found).max()) < 1e-9:  # rounding of what is 0
            continue
        likeness = cosine(found, expected)
        assert likeness > 1 - 1e-6, f"{key}: cosine {likeness}"
        assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(expected), rel=2e-4), key
        least = min(least, likeness)
    return {"membrane": float(far), "cosine": least}


def first_of_each() -> list[tuple[str, str]]:
    """One case of every cell."""
    return list({(library, case.split()[0]): (library, case) for library, case in reversed(ALL)}.values())


@pytest.mark.parametrize(("library", "case"), first_of_each())
def test_a_twin_equals_the_record(library: str, case: str) -> None:
    check(library, case, "cpu")


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize(("library", "case"), ALL)
def test_every_setting_equals_the_record(library: str, case: str, provider: str) -> None:
    check(library, case, provider)


@pytest.mark.parametrize("library", CASES)
def test_every_recorded_case_has_a_twin(library: str) -> None:
    assert {k.split("/")[0] for k in recorded(library) if "/" in k} == set(CASES[library])
