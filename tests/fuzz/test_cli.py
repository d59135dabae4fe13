"""Hostile words for the command line: a status and a sentence, never a traceback.

Words are read and checked for every command, first without its work, then with the work up to the run of a circuit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

import ranvier as rv
from ranvier.cli import main
from ranvier.cli.commands import COMMANDS, SIMULATIONS, Command
from tests.fuzz.engine import LONG, Target, withstands

_LINES = (
    "demo --seeds 1 --epochs 2 --seconds 0.1 --out x",
    "doctor",
    "simulate brunel --cells 60 --seconds 0.3 --seed 3 --out x",
    "simulate celegans --data y --controls 1 --out x",
    "simulate coba_cuba --cells 50 --seconds 0.4 --seed 1",
    "simulate learn_pattern --cells 10 --duration 5 --epochs 1 --seeds 1 --no-delays",
    "simulate microcircuit --seconds 0.6 --scale 0.005",
    "simulate polychrony --seconds 1 --tried 2 --cells 20",
    "simulate recover_weights --seconds 0.1 --cells 10 --seeds 1 --epochs 1",
    "simulate reservoir --seconds 0.5 --cells 10",
    "simulate ring_attractor --memory 0.1 --cells 8 --directions 2",
    "simulate song2000 --seconds 0.5 --step 0.01",
    "simulate song2000 --help",
    "--version",
)
_SAMPLES = [line.replace(" ", "\n").encode() for line in _LINES]


class _Enough(BaseException):
    """A circuit is made; a test does not wait for its run."""


def _stop(*args: Any, **kwargs: Any) -> None:
    raise _Enough


def _words(folder: Path, payload: bytes) -> list[str]:
    """A word per line, as a process gets them; paths stay below ``folder``."""
    os.chdir(folder)
    return [re.sub(r"(^|=)[/~]+", r"\1", os.fsdecode(line)).replace("..", ".") for line in payload.split(b"\n")]


def _status(words: list[str]) -> None:
    try:
        status = main(words)
    except SystemExit as end:  # of the parser
        status = end.code
    assert status in (0, 1, 2), status


def _idle(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def work(*args: Any, **kwargs: Any) -> None:
        """Nothing."""

    return work


@pytest.fixture
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Target:
    """Words alone, or words and the beginning of the work."""
    monkeypatch.chdir(tmp_path)  # and back at the end
    for command in (*COMMANDS.values(), *SIMULATIONS.values()):
        command.load()
    if request.param == "begin":
        for name in ("run", "observe", "forward", "plan"):
            monkeypatch.setattr(rv.Network, name, _stop)
        return Target("begin", _SAMPLES[2:], _words, _status, "text", also=(_Enough,), seconds=60.0)
    real = Command.load
    monkeypatch.setattr(Command, "load", lambda command, *words: _idle(real(command, *words)))
    return Target("words", _SAMPLES, _words, _status, "text")


@pytest.mark.parametrize(("target", "count"), [("words", 60), ("begin", 15)], indirect=["target"])
def test_hostile_words(target: Target, count: int) -> None:
    withstands(target, count)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["words", "begin"], indirect=True)
def test_hostile_words_at_length(target: Target) -> None:
    withstands(target, LONG)
