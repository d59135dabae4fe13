"""The list of recipes, the table of papers, and committed outcomes that their declarations judge."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

import ranvier as rv
from ranvier.cli import main
from ranvier.errors import RanvierError
from ranvier.recipes.form import Outcome, Recipe
from ranvier.recipes.form.catalogue import CHANGED, NOT_RUN, OTHER_DATA, Entry, find, listing, papers, results, table
from ranvier.recipes.form.page import markdown

COMMITTED = sorted(n for n in rv.recipes.names if (results() / f"{n}.json").is_file())


@pytest.mark.parametrize("name", rv.recipes.names)
def test_a_declaration_is_complete(name: str) -> None:
    recipe = find(name)
    module = import_module(f"ranvier.recipes.{name}")
    assert isinstance(recipe, Recipe)
    assert (recipe.name, module.run) == (name, recipe.run)
    assert set(recipe.papers) <= {p.id for p in papers()}
    for words in (recipe.title, recipe.citation, recipe.claim, recipe.data, recipe.scale, recipe.chosen):
        assert words
    assert recipe.claim.endswith(".")
    assert len(recipe.seeds) > 1 or recipe.groups
    assert recipe.expected
    for expected in recipe.expected:
        for side in (expected.left, expected.right):
            assert not isinstance(side, tuple) or (side[0] in recipe.arms and side[1] in recipe.measures), (
                expected.words
            )


@pytest.mark.parametrize("name", COMMITTED)
def test_a_committed_page_is_written_from_its_file(name: str) -> None:
    outcome = Outcome.read(find(name), results() / f"{name}.json")
    assert outcome.asked["setting"] == "full"
    assert markdown(outcome) == (results() / f"{name}.md").read_text(encoding="utf-8")
    assert outcome.record() == json.loads((results() / f"{name}.json").read_text(encoding="utf-8"))


def test_the_table_has_a_line_for_every_paper(tmp_path: Path) -> None:
    entries = [Entry("a", ("S020",), "A claim.", "holds", ""), Entry("b", ("S020",), "B.", NOT_RUN, "")]
    lines = table(entries).splitlines()
    assert len(lines) == 2 + len(papers()) == 183
    (found,) = (line for line in lines if line.startswith("| S020 |"))
    assert found.endswith(f"| recipe `a`, recipe `b` | holds; {NOT_RUN} |")
    assert any("`ranvier.training.rules.SLTT` | mechanism without a recipe" in line for line in lines)
    (tmp_path / "papers.md").write_text("Before.\n\n| id | old |\n")
    assert main(["recipes", "table", "--page", str(tmp_path / "papers.md")]) == 0
    written = (tmp_path / "papers.md").read_text("utf-8")
    assert written.startswith("Before.\n\n| id | paper |")
    for name in COMMITTED:
        assert (tmp_path / "results" / f"{name}.md").read_text("utf-8") == (results() / f"{name}.md").read_text("utf-8")
    assert main(["recipes", "table", "--page", str(tmp_path / "no.md")]) == 1


def test_modules_of_mechanisms_exist() -> None:
    for paper in papers():
        if paper.module:
            module, _, name = paper.module.rpartition(".")
            assert hasattr(import_module(module), name), paper
    assert len({p.id for p in papers()}) == len(papers())


def test_the_best_evidence_stands_first() -> None:
    for paper in papers():
        if paper.recipe:
            assert paper.id in find(paper.recipe).papers
    entries = [Entry("brunel", ("S001",), "A.", "holds", ""), Entry("one_model", ("S001",), "B.", NOT_RUN, "")]
    assert f"| recipe `one_model`, recipe `brunel` | {NOT_RUN}; holds |" in table(entries)


def test_the_committed_table_is_up_to_date() -> None:
    page = (Path(__file__).parents[3] / "docs" / "papers.md").read_text("utf-8")
    assert page.endswith(table(listing()))


def test_the_list_is_readable_by_programs(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["recipes", "--json"], ["recipes", "list", "--json"]):
        assert main(words) == 0
        found = json.loads(capsys.readouterr().out)
        assert [set(e) for e in found] == [{"name", "papers", "claim", "state", "evidence"}] * len(rv.recipes.names)
    assert main(["recipes"]) == 0
    assert "brunel" in capsys.readouterr().out


def test_other_settings_make_a_committed_outcome_old(tmp_path: Path) -> None:
    recipe = find("brunel")
    assert {e.state for e in listing(tmp_path)} == {NOT_RUN}
    recipe.run(tmp_path, quick=True)
    (entry,) = (e for e in listing(tmp_path) if e.name == "brunel")
    assert (entry.state, entry.evidence) == (CHANGED, str(tmp_path / "brunel.json"))


def test_a_committed_outcome_of_other_data_does_not_count(tmp_path: Path) -> None:
    """The same settings, seeds and arms, on the data of a user."""
    made = json.loads((results() / "brunel.json").read_text())
    (tmp_path / "brunel.json").write_text(json.dumps(made))
    assert next(e for e in listing(tmp_path) if e.name == "brunel").state == made["state"]
    made["asked"] |= {"data": "/home/someone/recordings", "setting": "own"}
    (tmp_path / "brunel.json").write_text(json.dumps(made))
    assert next(e for e in listing(tmp_path) if e.name == "brunel").state == OTHER_DATA


def test_an_unknown_name_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RanvierError, match="Did you mean 'brunel'"):
        find("brunell")
    with pytest.raises(AttributeError, match="Did you mean 'brunel'"):
        rv.recipes.brunell
    for words in (["recipes", "run", "brunell"], ["simulate", "brunell"]):
        assert main(words) == 2
        assert "did you mean 'brunel'?" in capsys.readouterr().err


def test_an_outcome_of_another_recipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "brunel.json").write_text('{"recipe": "other", "trials": [], "asked": {}, "machine": {}}')
    with pytest.raises(RanvierError, match="outcome of 'other', not of 'brunel'"):
        listing(tmp_path)
    (tmp_path / "brunel.json").write_text("[]")
    with pytest.raises(RanvierError, match="run the recipe again"):
        listing(tmp_path)
