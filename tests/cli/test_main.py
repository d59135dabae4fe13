"""The command line answers, and reports mistakes with a status and a sentence."""

from __future__ import annotations

import atexit
import gc
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

import ranvier
from ranvier.cli import main
from ranvier.cli.commands import COMMANDS, Command
from ranvier.errors import RanvierError
from ranvier.recipes.parts.say import say_verdicts, say_written
from ranvier.recipes.parts.verdicts import Verdict


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ranvier {ranvier.__version__}\n"


@pytest.mark.parametrize("own", [True, False])
def test_only_a_process_of_its_own_ends_without_a_search_for_garbage(
    own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered: list[object] = []
    monkeypatch.setattr(atexit, "register", registered.append)
    monkeypatch.setattr(sys, "argv", ["ranvier", "--version"])
    assert main(None if own else ["--version"]) == 0
    assert registered == [gc.freeze] * own
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize(("words", "status"), [([], 2), (["--help"], 0)])
def test_the_overview_lists_every_command(words: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == status
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


def test_an_unknown_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctors"]) == 2
    assert "did you mean 'doctor'?" in capsys.readouterr().err


def test_doctor_shows_versions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "torch" in shown
    assert "kernel cache" in shown


def _install(monkeypatch: pytest.MonkeyPatch, function: object) -> None:
    module = ModuleType("ranvier_test_command")
    module.run = function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(COMMANDS, "try", Command(module.__name__, "run", "Try."))


def test_options_become_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def run(seed: int = 0) -> None:
        seen.append(seed)

    _install(monkeypatch, run)
    assert main(["try", "--seed", "3"]) == 0
    assert seen == [3]


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [(RanvierError("dt = 0; give a positive dt"), 1, "give a positive dt"), (KeyboardInterrupt(), 130, "interrupted")],
)
def test_errors_become_a_status_and_a_sentence(
    error: BaseException, status: int, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run() -> None:
        raise error

    _install(monkeypatch, run)
    assert main(["try"]) == status
    assert text in capsys.readouterr().err


def test_a_missing_package_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "try", Command("surely_not_installed", "run", "Try."))
    assert main(["try"]) == 1
    assert "pip install" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["polychrony", "--seconds", "-1"],
        ["polychrony", "--tried", "0"],
        ["learn_pattern", "--cells", "0"],
        ["recover_weights", "--seeds", "-2"],
        ["recover_weights", "--epochs", "-1"],
        ["reservoir", "--seconds", "-1"],
        ["brunel", "--seeds", "-1"],
        ["song2000", "--seconds", "nan"],
        ["microcircuit", "--scale", "-1"],
        ["microcircuit", "--scale", "nan"],
    ],
)
def test_sizes_and_times_that_make_no_sense_are_named(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(["simulate", *words]) == 1
    said = capsys.readouterr().err
    assert f"{words[1]} {words[2]} must be" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["brunel", "--seeds", str(2**64)], "--seeds 1.84467e+19 is too large"),
        (["brunel", "--seconds", "inf"], "--seconds inf is too large"),
        (["brunel", "--seconds", "1e-9"], "--seconds 1e-09 is shorter than any step"),
        (["microcircuit", "--scale", "1e-9"], "scale=1e-09 must lie between 0.005 and 1"),
    ],
)
def test_numbers_out_of_range_are_named(capsys: pytest.CaptureFixture[str], words: list[str], text: str) -> None:
    assert main(["simulate", *words]) == 1
    assert text in " ".join(capsys.readouterr().err.split())


def test_a_file_for_a_folder_is_refused_before_the_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def run(out: Path = tmp_path) -> None:
        raise AssertionError("the work began")

    _install(monkeypatch, run)
    (tmp_path / "file").touch()
    assert main(["try", "--out", str(tmp_path / "file")]) == 1
    assert "cannot write into the folder" in capsys.readouterr().err


def test_simulate_is_one_of_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulat"]) == 2
    assert "did you mean 'simulate'?" in capsys.readouterr().err
    assert main(["zzz"]) == 2
    assert "simulate" in capsys.readouterr().err


def test_the_worm_without_its_wiring_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RANVIER_DATA", raising=False)
    for words in ([], ["--data", str(tmp_path)]):
        assert main(["simulate", "celegans", "--out", str(tmp_path), *words]) == 1
        said = " ".join(capsys.readouterr().err.split())
        assert "herm_chem_edgelist.csv.gz" in said
        assert "wormwiring.org" in said
        assert "None" not in said


@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", "✓"), ("ascii", "yes")])
def test_paths_and_signs_on_any_terminal(encoding: str, sign: str) -> None:
    stream = TextIOWrapper(BytesIO(), encoding=encoding)
    console = Console(file=stream)
    say_verdicts(console, [Verdict(True, "rate [red]as[/] wanted"), Verdict(False, "not")])
    say_written(console, Path("r[v1]/report.html"), 3)
    stream.flush()
    said = stream.buffer.getvalue().decode(encoding)
    assert f"{sign} rate [red]as[/] wanted" in said
    assert "r[v1]/report.html written after 3 s" in said
