"""One interleaved series: every contender in its own pinned process, one repetition each per round (A B C A B C …).

Slow changes of the machine hit all contenders alike, so the ratio of a round is trustworthy where its times are not.
A contender is timed only after its spikes and gradients were found equal to the reference for the formula it declares.
"""

from __future__ import annotations

import argparse
import datetime
import logging
import os
import re
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _report
from benchmarks._link import ROOT, Link, WorkerError
from benchmarks._protocol import Bench, Contender
from benchmarks._report import Row

log = logging.getLogger("benchmarks")
_ABSOLUTE_PATH = re.compile(r"(?:/[\w.+-]+)+/([\w.+-]+)")
"""Pages must not carry the paths of the machine they were made on: only the last name is kept."""


@dataclass(frozen=True)
class Settings:
    """How a series is run.

    Attributes:
        rounds: timed repetitions of each contender.
        warmups: repetitions before the first timed one.
        threads: threads every library is told to use.
        core: processor all workers are pinned to (only one of them works at a time), -1 for none.
        pythons: interpreter for each word used by `Contender.interpreter`.
        folder: where the page and the record are written.
        only: names to run (all when empty).
        without: names to leave out.
        also: names of optional contenders to add.
        seed: of the inputs.
        limit_s: longest wait for one repetition.
    """

    rounds: int = 15
    warmups: int = 3
    threads: int = 1
    core: int = -1
    pythons: dict[str, str] = field(default_factory=dict)
    folder: Path = ROOT / "docs" / "benchmarks"
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    seed: int = 1
    limit_s: float = 900.0

    def wants(self, contender: Contender) -> bool:
        """Whether this contender takes part."""
        if contender.name in self.without:
            return False
        if self.only:
            return contender.name in self.only
        return not contender.optional or contender.name in self.also

    def python_for(self, contender: Contender) -> str:
        """Interpreter for this contender: `--python WORD=PATH`, `$RANVIER_WORD_PYTHON`, the peers', or ours."""
        word = contender.interpreter
        if word == "main":
            return sys.executable
        fallback = os.environ.get(f"RANVIER_{word.upper()}_PYTHON") or self.pythons.get("peers")
        return self.pythons.get(word) or fallback or os.environ.get("RANVIER_PEERS_PYTHON") or sys.executable


@dataclass
class _Runner:
    contender: Contender
    link: Link
    row: Row
    working: bool = True

    def attempt(self, do: str, *, limit_s: float, **arguments: Any) -> dict[str, Any]:
        """Ask the worker; a failure takes the contender out of the series and is kept for the report."""
        if not self.working:
            return {}
        try:
            return self.link.ask(do, limit_s=limit_s, **arguments)
        except WorkerError as error:
            self.fail(f"not offered: {error}" if error.refused else str(error))
            return {}

    def fail(self, reason: str) -> None:
        self.working = False
        self.row.failure = _ABSOLUTE_PATH.sub(r"\1", reason)
        self.row.seconds.clear()
        log.warning("%s: %s", self.contender.name, reason)


def run(bench: Bench, settings: Settings) -> list[Row]:
    """Run a series, write its page and record, and return its rows."""
    facts = {"date": datetime.date.today().isoformat(), "machine": _report.machine()}
    rows = measure(bench, settings)
    facts |= {"rounds": settings.rounds, "warmups": settings.warmups, "threads": settings.threads}
    page, _ = _report.write(settings.folder, bench, rows, facts)
    sys.stdout.write(page.read_text())
    return rows


def measure(bench: Bench, settings: Settings) -> list[Row]:
    """Run a series and return its rows."""
    chosen = [contender for contender in bench.contenders if settings.wants(contender)]
    inputs = bench.make_inputs(np.random.default_rng(settings.seed))
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        input_folder = folder / "inputs"
        _save(input_folder, inputs)
        runners = []
        for contender in chosen:
            python, log_file = settings.python_for(contender), folder / f"{contender.name}.log"
            link = Link(python, contender.module, core=settings.core, threads=settings.threads, log=log_file)
            runner = _Runner(contender, stack.enter_context(link), Row(contender.name))
            runners.append(runner)
            _prepare(runner, bench, input_folder, inputs, folder / contender.name, settings)
            if runner.row.failure:
                log.info("%s", log_file.read_text()[-2000:])
        _rounds(runners, bench, settings)
        for runner in runners:
            memory = runner.attempt("memory", limit_s=60.0)
            runner.row.idle_mb, runner.row.peak_mb = memory.get("idle_mb", 0.0), memory.get("peak_mb", 0.0)
    return [runner.row for runner in runners]


def _save(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    folder.mkdir()
    for name, value in arrays.items():
        np.save(folder / f"{name}.npy", value)


def _prepare(
    runner: _Runner, bench: Bench, input_folder: Path, inputs: dict[str, np.ndarray], folder: Path, settings: Settings
) -> None:
    contender, row = runner.contender, runner.row
    log.info("%s: %s", bench.name, contender.name)
    limit = contender.prepare_limit_s
    ready = runner.attempt(
        "prepare", limit_s=limit, bench=bench.name, folder=str(input_folder), options=contender.options
    )
    folder.mkdir()
    checked = runner.attempt("check", limit_s=limit, folder=str(folder))
    if not runner.working:
        return
    row.formula, row.notes, row.versions = ready["formula"], ready["notes"], ready["versions"]
    row.first_call_s = ready["prepare_s"] + checked["check_s"]
    if row.formula.get("limit"):
        row.equality = "– (a limit, not a contender)"
    else:
        outputs = {name: np.load(folder / f"{name}.npy") for name in checked["names"]}
        verdict = bench.verify(inputs, outputs, row.formula)
        row.equality = verdict.summary
        if not verdict.equal:
            runner.fail(f"not equal to the reference: {verdict.summary}")
    runner.attempt("warm", limit_s=limit, count=settings.warmups)


def _rounds(runners: list[_Runner], bench: Bench, settings: Settings) -> None:
    for index in range(settings.rounds):
        for runner in runners:
            reply = runner.attempt("repeat", limit_s=settings.limit_s, burst=bench.burst)
            if reply:
                runner.row.seconds.append(reply["seconds"])
        log.info("round %d of %d", index + 1, settings.rounds)


def parse(bench: Bench, arguments: list[str] | None = None) -> Settings:
    """Settings from a command line (see `--help`)."""
    parser = argparse.ArgumentParser(description=bench.title)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--warmups", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1, help="-1: do not pin")
    parser.add_argument("--peers-python", default=os.environ.get("RANVIER_PEERS_PYTHON"), help="interpreter with peers")
    parser.add_argument("--python", action="append", default=[], metavar="WORD=PATH", help="jax=…, brainpy=…")
    parser.add_argument("--folder", type=Path, default=Settings.folder)
    for option in ("only", "without", "also"):
        parser.add_argument(f"--{option}", type=_names, default=(), metavar="A,B", help="names of contenders")
    parser.add_argument("--seed", type=int, default=1)
    given = vars(parser.parse_args(arguments))
    pythons = dict(pair.split("=", 1) for pair in given.pop("python"))
    peers = given.pop("peers_python")
    if peers:
        pythons.setdefault("peers", peers)
    return Settings(pythons=pythons, **given)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def main(bench: Bench, arguments: list[str] | None = None) -> None:
    """Command line of a bench file."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    run(bench, parse(bench, arguments))
