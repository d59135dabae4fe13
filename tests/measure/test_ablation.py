"""One field is changed at a time, with the same seeds, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, sqrt
from pathlib import Path
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms


@dataclass(frozen=True)
class Setting:
    stem: str = "conv"
    steps: int = 4


def score(s: Setting, seed: int) -> dict[str, float]:
    return {"accuracy": (0.9 if s.stem == "conv" else 0.7) + 0.01 * seed * s.steps, "cost": 2.0 * s.steps}


def test_every_variant_differs_in_one_field() -> None:
    seen: list[tuple[Setting, int]] = []

    def noted(s: Setting, seed: int) -> dict[str, float]:
        seen.append((s, seed))
        return score(s, seed)

    found = rv.measure.ablate(Setting(), {"stem": ["linear"], "steps": [1, 2]}, noted, seeds=(3, 5))
    assert [v.name for v in found.variants] == ["base", "stem=linear", "steps=1", "steps=2"]
    assert seen == [
        (Setting(a, b), k) for a, b in (("conv", 4), ("linear", 4), ("conv", 1), ("conv", 2)) for k in (3, 5)
    ]
    mean, error = found.difference("stem=linear", "accuracy")
    assert mean == pytest.approx(-0.2)
    assert error == pytest.approx(0, abs=1e-12)
    apart = [-0.03 * 3, -0.03 * 5]
    mean, error = found.difference("steps=1", "accuracy")
    assert mean == pytest.approx(sum(apart) / 2)
    assert error == pytest.approx(abs(apart[0] - apart[1]) / sqrt(2) / sqrt(2))
    assert found["steps=2"].figures["cost"] == (4.0, 4.0)
    assert "stem=linear" in str(found)


def test_mappings_and_files_are_bases(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('stem = "conv"\nsteps = 4\n', "utf-8")
    single = lambda s, seed: s["steps"]  # noqa: E731
    for base in ({"stem": "conv", "steps": 4}, tmp_path / "base.toml"):
        found = rv.measure.ablate(base, {"steps": [1]}, single, seeds=[0])
        assert found.difference("steps=1", "score")[0] == -3
        assert isnan(found.difference("steps=1", "score")[1])


def test_names_of_cells_and_surrogates_make_networks() -> None:
    x, y = (torch.rand(24, 6, 8, generator=torch.Generator().manual_seed(1)) < 0.5).float(), torch.arange(24) % 3

    def trained(s: dict[str, Any], seed: int) -> float:
        cell, surrogate = getattr(rv, s["cell"])(12), getattr(rv.surrogates, s["surrogate"])()
        net = rv.Sequential(
            rv.Linear(8, 12), cell, rv.Linear(12, 3), rv.LeakyReadout(3), dt=1 * ms, seed=seed, surrogate=surrogate
        )
        rv.train(net, (x, y), epochs=1, seed=seed, progress=False)
        return rv.measure.accuracy_over_steps(net, (x, y), draws=100).accuracy[-1]

    found = rv.measure.ablate(
        {"cell": "LIF", "surrogate": "ArcTan"}, {"cell": ["IF"], "surrogate": ["Boxcar"]}, trained, seeds=[0]
    )
    assert [v.name for v in found.variants] == ["base", "cell=IF", "surrogate=Boxcar"]


def refused(base: Any = None, changes: Any = None, made: Any = score, **how: Any) -> Any:
    return rv.measure.ablate(
        Setting() if base is None else base, {"steps": [1]} if changes is None else changes, made, **how
    )


WRONG = {
    "no fields": (lambda: refused(base=3), "no fields"),
    "a class": (lambda: refused(base=Setting), "no fields"),
    "an unknown field": (lambda: refused(changes={"stepps": [1]}), "no field 'stepps'"),
    "no changes": (lambda: refused(changes={}), "changes are empty"),
    "one value": (lambda: refused(changes={"steps": 1}), "list of other values"),
    "a word": (lambda: refused(changes={"stem": "linear"}), "list of other values"),
    "the value of the base": (lambda: refused(changes={"steps": [4]}), "that of the base"),
    "a value twice": (lambda: refused(changes={"steps": [1, 1]}), "given twice"),
    "no seeds": (lambda: refused(seeds=[]), "at least one"),
    "a seed twice": (lambda: refused(seeds=[1, 1]), "each once"),
    "a score that is no number": (lambda: refused(made=lambda s, k: "good"), "'good'"),
    "a score that is not finite": (lambda: refused(made=lambda s, k: float("nan")), "nan"),
    "figures that differ": (lambda: refused(made=lambda s, k: {f"at {s.steps}": 1.0}), "same figures"),
    "an unknown variant": (lambda: refused(made=score)["steps=9"], "no variant"),
    "an unknown figure": (lambda: refused(made=score).difference("steps=1", "energy"), "'energy' was not measured"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_named(mistake: str) -> None:
    call, said = WRONG[mistake]
    with pytest.raises(RanvierError, match=said):
        call()


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("steps: 4", "utf-8")
    with pytest.raises(RanvierError, match="no TOML"):
        refused(base=tmp_path / "base.toml")
