"""The whole demonstration on a small budget: the page stands on its own and says what came out."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ranvier.cli import main
from ranvier.cli.demo import demo
from ranvier.errors import RanvierError
from ranvier.recipes import digits_and_circuit
from ranvier.recipes.parts import digits

VOID = {"meta", "br", "hr", "img", "link", "input"}


class _Balance(HTMLParser):
    """Fails on a tag that closes another than the one opened last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, int]:
    folder = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "Setup", lambda: _SMALL)
        status = main(["demo", "--out", str(folder), "--seeds", "2", "--seconds", "0.1", "--epochs", "2"])
    assert [path.name for path in folder.iterdir()] == ["report.html"]
    return (folder / "report.html").read_text(encoding="utf-8"), status


_SMALL = digits.Setup(hidden=64, variants=1)


def test_the_command_succeeds(done: tuple[str, int]) -> None:
    assert done[1] == 0


def test_the_page_is_well_formed_and_needs_nothing_else(done: tuple[str, int]) -> None:
    page, _ = done
    parser = _Balance()
    parser.feed(page)
    assert parser.open == []
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    assert not re.search(r"url\((?!#)", page)
    assert "<script" not in page


def test_the_page_holds_every_part(done: tuple[str, int]) -> None:
    page, _ = done
    for heading in ("What was asked", "What came out", "How it was computed", "How to reproduce it"):
        assert f"<h2>{heading}</h2>" in page
    assert page.count("<svg ") == 8
    for word in ("seed 1", "linear1", "exc+inh", "torch", "chance", "real-time factor"):
        assert word in page


def test_references_inside_the_figures_are_unique(done: tuple[str, int]) -> None:
    page, _ = done
    names = re.findall(r' id="([^"]+)"', page)
    assert len(names) == len(set(names))
    assert set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', page)) <= set(names)


@pytest.mark.parametrize("option", [{"seeds": 0}, {"epochs": 0}, {"seconds": 0.0}, {"seconds": float("nan")}])
def test_numbers_out_of_range_are_named(option: dict, tmp_path: Path) -> None:
    with pytest.raises(RanvierError, match=f"{next(iter(option))}=.*out of range"):
        demo(tmp_path, **option)


def test_the_library_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "Setup", lambda: _SMALL)
        outcome = digits_and_circuit.run(tmp_path, epochs=1, variants=1, seconds=0.1, seeds=0)
    assert capfd.readouterr() == ("", "")
    assert 0.3 < outcome.mean("spiking network", "accuracy") < 1
    assert outcome.mean("support vectors", "accuracy") > 0.95
    assert 5 < outcome.mean("COBA circuit", "rate") < 40
