"""State dicts of other libraries' networks: they go where they belong, and the loaded network gives the recorded spikes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.compat import norse, sinabs, snntorch, spikingjelly
from ranvier.compat.arguments import CompatError
from ranvier.units import ms

DATA = Path(__file__).parents[1] / "witness" / "data" / "compat_networks.npz"


@cache
def recorded(library: str) -> dict[str, Any]:
    """``state``, ``x`` and ``out`` of a network of the library (``tests/witness/generate/compat_networks.py``)."""
    with np.load(DATA) as file:
        found = {
            k.removeprefix(f"{library}/"): torch.from_numpy(file[k]) for k in file.files if k.startswith(f"{library}/")
        }
    state = {k.removeprefix("state/"): t for k, t in found.items() if k.startswith("state/")}
    return {"state": state, "x": found["x"], "out": found["out"].float()}


def of_snntorch() -> rv.Sequential:
    return rv.Sequential(
        rv.Linear(6, 5), snntorch.Leaky(beta=np.full(5, 0.5), learn_beta=True, size=5),
        rv.Linear(5, 4), snntorch.RLeaky(0.5, linear_features=4, reset_mechanism="zero", learn_threshold=True), dt=1 * ms,
    )  # fmt: skip


def of_spikingjelly() -> rv.Sequential:
    return rv.Sequential(
        rv.Conv2d(1, 3, 3, padding=1, bias=False), torch.nn.BatchNorm2d(3), spikingjelly.ParametricLIFNode(),
        torch.nn.AvgPool2d(2), torch.nn.Flatten(), rv.Linear(12, 4, bias=False), spikingjelly.LIFNode(tau=2.5, v_reset=None), dt=1 * ms,
    ).eval()  # fmt: skip


def of_norse() -> rv.Sequential:
    return rv.Sequential(*norse.LIFRecurrent(6, 5), rv.Linear(5, 4), norse.LIF(), dt=1 * ms)


def of_sinabs() -> rv.Sequential:
    return rv.Sequential(rv.Linear(6, 5), sinabs.LIF(20.0, tau_syn=3.0), rv.Linear(5, 4), sinabs.IAF(), dt=1 * ms)


NETWORKS: Mapping[str, Callable[[], rv.Sequential]] = {
    "snntorch": of_snntorch,
    "spikingjelly": of_spikingjelly,
    "norse": of_norse,
    "sinabs": of_sinabs,
}


def answer(net: rv.Sequential, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return net(x)[0]


@pytest.mark.parametrize("library", NETWORKS)
def test_a_loaded_network_gives_the_recorded_spikes(library: str) -> None:
    data, net = recorded(library), NETWORKS[library]()
    x = data["x"].reshape(30, 2, 1, 4, 4) if library == "spikingjelly" else data["x"]
    assert not torch.equal(answer(net, x), data["out"])
    table = rv.compat.load_state_dict(net, data["state"])
    assert torch.equal(answer(net, x), data["out"])
    assert data["out"].sum() > 10
    assert [row.theirs for row in table] == list(data["state"])
    assert not table.untouched


def test_the_table_says_what_went_where() -> None:
    table = rv.compat.load_state_dict(of_snntorch(), recorded("snntorch")["state"])
    assert table.places == {
        "fc1.weight": "linear1.weight",
        "fc1.bias": "linear1.bias",
        "fc2.weight": "linear2.weight",
        "fc2.bias": "linear2.bias",
        "lif1.threshold": "leaky1.V_th",
        "lif1.beta": "leaky1.beta",
        "lif2.threshold": "rleaky1.V_th",
        "lif2.beta": "rleaky1.beta",
        "lif2.recurrent.weight": "recurrent1.weight",
        "lif2.recurrent.bias": "recurrent1.bias",
    }
    assert re.search(r"lif1\.reset_mechanism_val +– +number +a setting, as here", str(table))


def changed(**state: torch.Tensor) -> dict[str, torch.Tensor]:
    return {**recorded("snntorch")["state"], **{k.replace("__", "."): t for k, t in state.items()}}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"fc3__weight": torch.zeros(2, 4)},
            r"no place for fc3\.weight: net has no further weights.*names=\{'fc3': '…'\}.*leave_out",
        ),
        ({"fc1__weight": torch.zeros(7, 6)}, r"fc1\.weight has shape \(7, 6\), but linear1\.weight has \(5, 6\)"),
        ({"lif1__beta": torch.zeros(3)}, r"lif1\.beta has shape \(3,\), but leaky1\.beta has \(5,\).*np\.ones"),
        ({"lif1__reset_mechanism_val": torch.tensor(1)}, r"says reset_mechanism='zero', but 'leaky1' has 'subtract'"),
        ({"lif1__graded_spikes_factor": torch.tensor(2.0)}, r"scales spikes by 2\.0: scale the weights"),
        ({"lif3__beta": torch.tensor(0.9)}, r"no place for lif3\.beta: no remaining population of net has beta"),
    ],
)
def test_what_has_no_place_is_refused_by_name_and_nothing_is_written(
    state: dict[str, torch.Tensor], message: str
) -> None:
    net = of_snntorch()
    before = {k: t.clone() for k, t in net.state_dict().items()}
    with pytest.raises(CompatError, match=message):
        rv.compat.load_state_dict(net, changed(**state))
    assert all(torch.equal(t, before[k]) for k, t in net.state_dict().items())


def test_keys_can_be_left_out_and_missing_ones_allowed() -> None:
    state = changed(fc3__weight=torch.zeros(2, 4))
    table = rv.compat.load_state_dict(of_snntorch(), state, leave_out=["fc3.weight"])
    assert {r.theirs: r.note for r in table}["fc3.weight"] == "left out"
    del state["fc1.bias"], state["fc3.weight"]
    with pytest.raises(CompatError, match=r"no place for fc1\.weight"):
        rv.compat.load_state_dict(of_snntorch(), state)
    with pytest.raises(CompatError, match=r"no tensors for linear1\.weight, linear1\.bias"):
        rv.compat.load_state_dict(
            of_snntorch(), {k: t for k, t in state.items() if not k.startswith("fc1")}, names={"fc2": "linear2"}
        )
    table = rv.compat.load_state_dict(
        of_snntorch(),
        {k: t for k, t in state.items() if not k.startswith("fc1")},
        names={"fc2": "linear2"},
        strict=False,
    )
    assert table.untouched == ("linear1.weight", "linear1.bias")


def test_names_overrule_the_order() -> None:
    net = rv.Sequential(rv.Linear(3, 3), rv.LIF(3), rv.Linear(3, 3), rv.LIF(3), dt=1 * ms)
    state = {
        f"{n}.{leaf}": torch.full((3, 3) if leaf == "weight" else (3,), float(k))
        for k, n in enumerate("ab")
        for leaf in ("weight", "bias")
    }
    table = rv.compat.load_state_dict(net, state, names={"a": "linear2", "b": "linear1"})
    assert table.places["a.weight"] == "linear2.weight"
    assert bool((net.projections["linear1"].chain[0].weight == 1).all())
    with pytest.raises(CompatError, match="names has 'c'"):
        rv.compat.load_state_dict(net, state, names={"c": "linear1"})
    for ours in ("linear9", "linear1"):  # unknown, and taken by module a
        with pytest.raises(CompatError, match=f"names sends 'b' to '{ours}', but net has no such"):
            rv.compat.load_state_dict(net, state, names={"b": ours})


def test_a_plain_cell_is_no_place_for_beta() -> None:
    net = rv.Sequential(rv.Linear(6, 5), rv.LIF(5), dt=1 * ms)
    state = {"fc.weight": torch.zeros(5, 6), "fc.bias": torch.zeros(5), "lif.beta": torch.tensor(0.9)}
    with pytest.raises(CompatError, match=r"no place for lif\.beta"):
        rv.compat.load_state_dict(net, state)


def test_settings_of_lapicque_and_thresholds_of_sinabs_must_be_those_of_the_cell() -> None:
    net = rv.Sequential(rv.Linear(2, 2, bias=False), snntorch.Lapicque(R=5.0, C=1.6, size=2), dt=1 * ms)
    state = {
        "fc.weight": torch.ones(2, 2),
        "l.threshold": torch.tensor(1.0),
        "l.R": torch.tensor(5.0),
        "l.C": torch.tensor(1.6),
        "l.time_step": torch.tensor(1.0),
    }
    assert rv.compat.load_state_dict(net, state).places["l.threshold"] == "lapicque1.V_th"
    with pytest.raises(CompatError, match=r"Lapicque\(R=4, C=1\.6"):
        rv.compat.load_state_dict(net, state | {"l.R": torch.tensor(4.0)})
    net = rv.Sequential(rv.Linear(2, 2, bias=False), sinabs.IAF(size=2), dt=1 * ms)
    with pytest.raises(CompatError, match=r"make it with spike_threshold=0\.5"):
        rv.compat.load_state_dict(net, {"0.weight": torch.ones(2, 2), "1.spike_threshold": torch.tensor(0.5)})


def test_weights_to_oneself_need_synapses() -> None:
    state = dict(recorded("norse")["state"])
    state["0.recurrent_weights"] = torch.eye(5)
    with pytest.raises(CompatError, match="autapses=True"):
        rv.compat.load_state_dict(of_norse(), state)


def test_a_layer_takes_them_too() -> None:
    layer = snntorch.Leaky(0.9, learn_beta=True).layer(dt=1 * ms)
    rv.compat.load_state_dict(layer, {"beta": torch.tensor(0.7), "threshold": torch.tensor(0.5)})
    assert float(layer.beta.detach()) == pytest.approx(0.7)


@pytest.mark.parametrize("state", [[("a", 1)], {"a": 1.0}])
def test_only_mappings_of_tensors_are_state_dicts(state: Any) -> None:
    with pytest.raises(CompatError, match=r"state_dict\(\) of the other network"):
        rv.compat.load_state_dict(of_norse(), state)
