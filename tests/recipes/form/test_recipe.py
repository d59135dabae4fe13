"""The form: cases, journal, baselines that fail, settings, and pages that hold what was measured."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ranvier.errors import RanvierError
from ranvier.recipes.form import Case, Expect, Outcome, Recipe
from ranvier.recipes.form.page import markdown

measured: list[tuple[str, int, str]] = []


@dataclass(frozen=True)
class Settings:
    gain: float = 2.0
    die: int = -1


def measure(case: Case) -> dict[str, float]:
    measured.append((case.arm, case.seed, case.group))
    if case.arm == "broken":
        raise ValueError("no | convergence")
    if case.seed == case.settings.die:
        os.kill(os.getpid(), signal.SIGKILL)
    if case.drawn and case.arm == "ours":
        case.show("<svg></svg>", "A picture.")
    return {"score": (case.settings.gain if case.arm == "ours" else 1.0) + 0.01 * case.seed * len(case.arm)}


def example(**changes: Any) -> Recipe:
    made = Recipe(
        name="example", title="An example", citation="nobody", claim="Gain helps.", data="None.", scale="Tiny.", chosen="Nothing was chosen.",
        methods={"ours": "the gain"}, baselines={"plain": "none"}, measures={"score": "%"}, seeds=(0, 1, 2), settings=Settings(),
        quick={"gain": 1.5, "seeds": (0,)}, expected=[Expect("gain helps", ("ours", "score"), ">", ("plain", "score"))], minutes=0,
        measure=measure,
    )  # fmt: skip
    return replace(made, **changes)


def test_a_run_measures_every_case_once_and_judges(tmp_path: Path) -> None:
    measured.clear()
    outcome = example().run(tmp_path)
    assert measured == [(arm, seed, "") for seed in range(3) for arm in ("ours", "plain")]
    assert outcome.state == "holds"
    assert outcome.mean("ours", "score") == pytest.approx(2.04)
    example().run(tmp_path)
    assert len(measured) == 6
    example().run(tmp_path, gain=3.0)
    assert len(measured) == 12  # other settings are measured anew
    assert {p.name for p in tmp_path.iterdir()} == {"example", "example.json", "example.md", "example.html"}


def test_the_page_follows_from_the_file(tmp_path: Path) -> None:
    outcome = example().run(tmp_path)
    again = Outcome.read(example(), tmp_path / "example.json")
    assert again.judged == outcome.judged
    assert markdown(again) == (tmp_path / "example.md").read_text(encoding="utf-8")
    page = (tmp_path / "example.html").read_text(encoding="utf-8")
    assert "<svg></svg>" in page
    assert "A picture." in page
    text = (tmp_path / "example.md").read_text(encoding="utf-8")
    assert "**State: holds.**" in text
    assert "| ours | 204.00 ± 4.00 |" in text
    assert "ranvier recipes run example\n" in text


def test_a_failed_baseline_is_reported_and_a_failed_method_raises(tmp_path: Path) -> None:
    expected = [Expect("gain helps", ("ours", "score"), ">", ("broken", "score"))]
    outcome = example(baselines={"broken": "raises"}, expected=expected).run(tmp_path)
    assert outcome.state == "not decided at this scale"
    assert "**The baseline 'broken' failed:** ValueError: no | convergence" in (tmp_path / "example.md").read_text(
        "utf-8"
    )
    with pytest.raises(ValueError, match="convergence"):
        example(controls={"broken": "raises"}).run(tmp_path)


def test_a_quick_run_decides_nothing(tmp_path: Path) -> None:
    outcome = example(quick={"gain": 1.5}).run(tmp_path, quick=True)
    assert outcome.judged[0].state == "holds"
    assert outcome.state == "not decided at this scale"


def test_groups_are_the_units(tmp_path: Path) -> None:
    recipe = example(unit="speaker", groups=lambda data, settings: ["anna", "ben"])
    outcome = recipe.run(tmp_path, seeds=4)
    assert outcome.judged[0].units == 2
    assert "Speaker anna:" in (tmp_path / "example.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"gian": 1}, "no setting 'gian'. Did you mean 'gain'"),
        ({"gain": float("nan")}, "gain=nan is out of range"),
        ({"seeds": ()}, "give at least one seed"),
        ({"seeds": (1, 1)}, "none twice"),
        ({"seeds": -1}, "seed=-1 is out of range"),
    ],
)
def test_bad_requests_are_named(given: dict[str, Any], what: str, tmp_path: Path) -> None:
    with pytest.raises(RanvierError, match=what.replace("(", r"\(")):
        example().run(tmp_path, **given)
    assert not list(tmp_path.iterdir())


def test_data_are_taken_where_the_declaration_says_so(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(RanvierError, match=r"recipe example takes no data: leave out '.*mine'"):
        example().run(tmp_path / "out", data=tmp_path / "mine")
    assert not (tmp_path / "out").exists()
    parts = example(takes="anything", unit="part", groups=lambda data, settings: ["1", "2"], overlap=0.5)
    with pytest.raises(RanvierError, match="there is no folder"):
        parts.run(tmp_path / "out", data=tmp_path / "yours")
    own, usual = parts.run(tmp_path / "own", data=tmp_path / "mine"), parts.run(tmp_path / "usual")
    assert (own.asked["setting"], usual.asked["setting"]) == ("own", "full")
    assert (own.overlap, usual.overlap) == (0.0, 0.5)
    assert "0.5 test samples for each training sample" in (tmp_path / "usual" / "example.md").read_text("utf-8")
    assert "test samples for each" not in (tmp_path / "own" / "example.md").read_text("utf-8")


def test_measures_that_nobody_declared_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RanvierError, match=r"\['score'\] are measured but not declared"):
        example(measures={"rate": "Hz"}).run(tmp_path)


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """The process dies in seed 1; what seed 0 gave is there, and a line cut in the middle is measured again."""
    code = f"from tests.recipes.form.test_recipe import example; example().run({str(tmp_path)!r}, die=1)"
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    (journal,) = (tmp_path / "example").glob("*/trials.jsonl")
    assert [json.loads(line)["seed"] for line in journal.read_text().splitlines()] == [0, 0]
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text(lines[0] + lines[1][:25])
    measured.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "kill", lambda *_: None)
        example().run(tmp_path, die=1)
    assert measured == [("plain", 0, ""), *((arm, seed, "") for seed in (1, 2) for arm in ("ours", "plain"))]


@pytest.mark.parametrize("line", ["[]\n", '{"arm": "ours"}\n', "no json\n"])
def test_a_damaged_journal_is_named(line: str, tmp_path: Path) -> None:
    example().run(tmp_path)
    (journal,) = (tmp_path / "example").glob("*/trials.jsonl")
    journal.write_text(line)
    with pytest.raises(RanvierError, match="delete it and run the recipe again"):
        example().run(tmp_path)


def test_a_quick_run_with_other_seeds_or_settings_decides_nothing(tmp_path: Path) -> None:
    for given in ({"seeds": (1, 2)}, {"gain": 2.0}):
        outcome = example().run(tmp_path, quick=True, **given)
        assert (outcome.asked["setting"], outcome.state) == ("quick", "not decided at this scale")


def test_a_run_resumed_after_another_shows_its_own_pictures(tmp_path: Path) -> None:
    def draws(case: Case) -> dict[str, float]:
        if case.drawn:
            case.show(f"<svg><text>{case.settings.gain}</text></svg>", "gain")
        return {"rate": case.settings.gain}

    recipe = example(measure=draws, measures={"rate": "Hz"})
    for gain in (1.0, 7.0, 1.0):
        recipe.run(tmp_path, gain=gain)
        assert f"<text>{gain}</text>" in (tmp_path / "example.html").read_text("utf-8")


def test_changed_files_of_a_user_are_measured_again(tmp_path: Path) -> None:
    def read(case: Case) -> dict[str, float]:
        assert case.data is not None
        return {"rate": float((case.data / "x.txt").read_text())}

    data = tmp_path / "data"
    data.mkdir()
    recipe = example(takes="rates", measure=read, measures={"rate": "Hz"})
    for text in ("1", "20"):
        (data / "x.txt").write_text(text)
        assert recipe.run(tmp_path / "out", data=data).mean("ours", "rate") == float(text)
    with pytest.raises(RanvierError, match="no folder"):
        recipe.run(tmp_path / "out", data=tmp_path / "nowhere")
