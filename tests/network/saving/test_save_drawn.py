"""Networks whose synapses and background spikes are drawn as they run come back from files; damaged ones are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.errors import FileFormatError
from ranvier.units import Hz, kHz, ms, nA, pA

RULES: dict[str, Callable[[], rv.connectivity.RowRule]] = {
    "one degree": lambda: rv.FixedOutDegree(7),
    "degrees": lambda: rv.FixedOutDegree(np.arange(40) % 9),
    "distinct": lambda: rv.FixedOutDegree(5, multapses=False, autapses=False),
    "probability": lambda: rv.FixedProbability(0.15),
    "no autapses": lambda: rv.FixedProbability(0.3, autapses=False),
}
CHAIN = "projections/cells_to_cells_I/chain/0"
RATES: dict[str, Any] = {"one": 16 * kHz, "each": np.linspace(0, 20_000, 40) * Hz}


def _circuit(rule: rv.connectivity.RowRule, rate: Any, dtype: torch.dtype = torch.float32) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=5, dtype=dtype)
    net.source("background", rv.Poisson(rate / 1000, 40, trains=1000))
    net.population("cells", 40, rv.CurrentLIF(I_e=0.3 * nA))
    net.connect("background", "cells", rv.OneToOne(), to="I", weight=87.8 * pA, delay=1.5 * ms)
    net.connect("cells", "cells", rv.Procedural(rule), to="I", weight=-80 * pA, delay=0.4 * ms)
    return net


@settings(max_examples=12)
@given(
    rule=st.sampled_from(sorted(RULES)),
    rate=st.sampled_from(sorted(RATES)),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_a_loaded_circuit_runs_to_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, rule: str, rate: str, dtype: torch.dtype
) -> None:
    net, folder = _circuit(RULES[rule](), RATES[rate], dtype), tmp_path_factory.mktemp("drawn")
    rv.save(net, folder / "one")
    back = rv.load(folder / "one")
    runs = [each.run(30 * ms, stream=0, record={"cells": ["spikes", "v"]}) for each in (net, back)]
    assert len(runs[0]["cells"].spikes) > 20
    assert np.array_equal(runs[0]["cells"].v, runs[1]["cells"].v)
    assert str(net.plan()) == str(back.plan())
    rv.save(back, folder / "two")
    for path in (folder / "one").iterdir():
        assert path.read_bytes() == (folder / "two" / path.name).read_bytes()


def test_a_checkpoint_of_one_goes_on_in_the_other(tmp_path: Path) -> None:
    net = _circuit(RULES["distinct"](), RATES["one"])
    rv.save(net, tmp_path / "model")
    whole = net.run(20 * ms, stream=0, record={"cells": ["spikes"]})
    half = net.run(10 * ms, stream=0)
    rest = rv.load(tmp_path / "model").run(10 * ms, half.state, stream=0)
    assert all(torch.equal(t, whole.state.tensors()[n]) for n, t in rest.state.tensors().items())


OLD: dict[str, tuple[dict[str, Any], Callable[[], rv.Poisson]]] = {
    "PoissonDrive": ({"rate": 16.0}, lambda: rv.Poisson(8 * kHz, 40, trains=2)),
    "PoissonInput": ({"rate": 0.008, "trains": 2000}, lambda: rv.Poisson(8 * Hz, 40, trains=2000)),
    "one PoissonInput": ({"rate": 16.0, "trains": 1}, lambda: rv.Poisson(8 * kHz, 40, trains=2)),
}


@pytest.mark.parametrize("kind", OLD)
def test_sums_of_trains_in_files_of_0_1_0_load(spoilt: Callable, tmp_path: Path, kind: str) -> None:
    """They had classes of their own, and gave the same numbers."""

    def age(description: Any, _: Any) -> None:
        values, unit = OLD[kind][0], description["sources"]["background"]["rate"]["unit"]
        rate = {"value": values["rate"], "unit": unit}
        description["sources"]["background"] = {"type": kind.split()[-1], "size": 40, **values, "rate": rate}

    net = rv.Network(dt=0.1 * ms, seed=5)
    net.source("background", OLD[kind][1]())
    net.population("cells", 40, rv.CurrentLIF())
    net.connect("background", "cells", rv.OneToOne(), to="I", weight=87.8 * pA)
    rv.save(net, tmp_path / "model")
    old = rv.load(spoilt(tmp_path / "model", age, tmp_path / "old"))
    runs = [each.run(20 * ms, stream=0, record={"cells": ["v"]})["cells"].v for each in (net, old)]
    np.testing.assert_array_equal(*runs)


def test_the_description_says_how_rows_are_drawn_and_holds_none(tmp_path: Path) -> None:
    net = rv.Network(dt=0.1 * ms, seed=1)
    net.population("cells", 100_000, rv.CurrentLIF())
    net.connect("cells", "cells", rv.Procedural(rv.FixedOutDegree(1000)), to="I", weight=-1 * pA)
    rv.save(net, tmp_path / "model")
    assert sum(path.stat().st_size for path in (tmp_path / "model").iterdir()) < 100_000
    module = json.loads((tmp_path / "model" / "network.json").read_text())["projections"]["cells_to_cells_I"]["chain"][
        0
    ]
    assert {n: module[n] for n in ("type", "sizes", "degree", "multapses", "autapses")} == {
        "type": "Procedural", "sizes": [100_000, 100_000], "degree": 1000, "multapses": True, "autapses": True,
    }  # fmt: skip


def _at(path: str, value: object) -> Callable[[Any, Any], None]:
    def spoil(description: Any, _: Any) -> None:
        *way, last = path.split("/")
        for name in way:
            description = description[int(name)] if isinstance(description, list) else description[name]
        description[last] = value

    return spoil


def _degrees(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Any, Any], None]:
    def spoil(_: Any, tensors: Any) -> None:
        tensors[f"{CHAIN.replace('/', '.')}.degree"] = change(tensors[f"{CHAIN.replace('/', '.')}.degree"])

    return spoil


HOSTILE: dict[str, tuple[str, Callable[[Any, Any], None], str]] = {
    "sizes of others": ("degrees", _at(f"{CHAIN}/sizes", [40, 41]), "sizes of the populations"),
    "sizes no list": ("degrees", _at(f"{CHAIN}/sizes", 40), "positive whole numbers"),
    "degree below zero": ("degrees", _degrees(lambda t: t - 1), "not -1"),
    "degree endless": ("degrees", _degrees(lambda t: t + 2**40), "synapses per cell"),
    "degree of another type": ("degrees", _degrees(lambda t: t.float()), "one per presynaptic cell"),
    "degrees cut": ("degrees", _degrees(lambda t: t[:3]), "one per presynaptic cell"),
    "degrees lost": ("degrees", lambda d, t: t.pop(f"{CHAIN.replace('/', '.')}.degree"), "one per presynaptic cell"),
    "one degree endless": ("one degree", _at(f"{CHAIN}/degree", 2**40), "synapses per cell"),
    "one degree no number": ("one degree", _at(f"{CHAIN}/degree", "7"), "whole number"),
    "more distinct targets than cells": ("distinct", _at(f"{CHAIN}/degree", 40), "from 0 to 39"),
    "p of one": ("probability", _at(f"{CHAIN}/p", 1.0), "above 0 and below 1"),
    "p no number": ("probability", _at(f"{CHAIN}/p", "0.1"), "finite number"),
    "both p and degrees": ("degrees", _at(f"{CHAIN}/p", 0.1), "belongs to no part"),
    "key too short": ("one degree", _at(f"{CHAIN}/key", [1]), "two whole numbers"),
    "key too large": ("one degree", _at(f"{CHAIN}/key", [1, 2**32]), "two whole numbers"),
    "stream too large": ("one degree", _at(f"{CHAIN}/stream", 2**32), "too large"),
    "latency too large": ("one degree", _at(f"{CHAIN}/latency", 2**40), "too large"),
    "latency below zero": ("one degree", _at(f"{CHAIN}/latency", -1), "at least 0"),
    "weight lost": ("one degree", lambda d, t: t.pop(f"{CHAIN.replace('/', '.')}.weight"), "missing or not one"),
    "autapses no flag": ("one degree", _at(f"{CHAIN}/autapses", 1), "true or false"),
    "rate below zero": ("one degree", _at("sources/background/rate/value", -1.0), "negative"),
    "rate no rate": ("one degree", _at("sources/background/rate/unit", "mV"), "give a rate"),
    "size of the drive": ("one degree", _at("sources/background/size", 0), "at least 1"),
    "drive of another size": ("one degree", _at("sources/background/size", 41), "sizes of the populations"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_descriptions_are_refused(spoilt: Callable, tmp_path: Path, case: str) -> None:
    """With a hash that fits: made by someone who knows the format."""
    rule, spoil, message = HOSTILE[case]
    rv.save(_circuit(RULES[rule](), RATES["one"]), tmp_path / "model")
    with pytest.raises(FileFormatError, match=message):
        rv.load(spoilt(tmp_path / "model", spoil, tmp_path / "hostile"))


def test_barred_autapses_between_two_populations_are_refused(tmp_path: Path) -> None:
    net = rv.Network(dt=0.1 * ms, seed=5)
    for name in ("a", "b"):
        net.population(name, 9, rv.CurrentLIF())
    net.connect("a", "b", rv.Procedural(rv.FixedOutDegree(3)), to="I", weight=1 * pA, name="link")
    rv.save(net, tmp_path)
    path = tmp_path / "network.json"
    path.write_text(path.read_text().replace('"autapses": true', '"autapses": false'))
    with pytest.raises(FileFormatError, match="two populations"):
        rv.load(tmp_path)
