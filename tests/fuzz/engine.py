"""Damaged files for a reader, each read in a process of its own kind: a crash or a hang is a finding, not the end.

A forked process reads one damaged file after another and tells before each which comes next. The process that watches it
ends one that works on a file for too long, and starts another behind the file that ended one. Time is processor time of
the process and of those that it starts, so that a busy machine makes no findings.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import resource
import select
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ranvier.errors import RanvierError
from ranvier.limits.guard import Reader, current
from tests.fuzz.mutate import mutated
from tests.fuzz.processor import end_family, spent, spent_by_family

__all__ = ["LONG", "QUICK", "REPORTS", "Finding", "Report", "Target", "file_in", "fuzz", "withstands"]

QUICK, LONG = 150, 10_000
_SECONDS, _MEMORY = 5.0, 1 << 30
#: time in seconds after which a process is taken to wait for ever, on a damaged file and on the whole one before all others
_IDLE, _FIRST = 120.0, 300.0

_ENDED = "the process ended with"


@dataclass(frozen=True)
class Target:
    """What is put to the test.

    Attributes
    ----------
    name
        Part of the seed.
    samples
        Valid payloads; the first of them must be read without an error.
    place
        (empty folder, payload) → what ``read`` takes: writes the payload, and the files beside it.
    read
        Reads it; may raise errors of the package and of ``also``, nothing else.
    flavour
        "bytes", "text" or "json".
    also
        Other exceptions that are right, for example where a text is not a path.
    seconds
        Longest processor time for a file.
    idle
        Longest time for a file.
    isolated
        Whether users read such a file in a process of its own, which may end with it: here its end is counted, and no finding.
    """

    name: str
    samples: Sequence[bytes]
    place: Callable[[Path, bytes], Any]
    read: Callable[[Any], object]
    flavour: str = "bytes"
    also: tuple[type[BaseException], ...] = ()
    seconds: float = _SECONDS
    idle: float = _IDLE
    isolated: bool = False


@dataclass
class Finding:
    """Damage that a reader did not withstand; ``mutated(target.samples, target.flavour, seed)`` makes it again."""

    seed: str
    what: str
    payload: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.seed}: {self.what}\n    payload {self.payload[:120]!r} ({len(self.payload)} bytes)"


@dataclass
class Report:
    """What became of damaged copies.

    Attributes
    ----------
    read
        How many were read.
    ended
        How many ended an isolated process.
    findings
        Damage that was not withstood.
    slowest, memory
        Longest processor time in s; largest memory in bytes.
    """

    name: str
    read: int = 0
    ended: int = 0
    findings: list[Finding] = field(default_factory=list)
    slowest: float = 0.0
    memory: int = 0


#: the reports of this process
REPORTS: list[Report] = []


def file_in(name: str) -> Callable[[Path, bytes], Path]:
    """A ``place`` that writes the payload under one name."""

    def place(folder: Path, payload: bytes) -> Path:
        path = folder / name
        path.write_bytes(payload)
        return path

    return place


def fuzz(target: Target, count: int, first: int = 0, most: int = 20) -> Report:
    """The report on damaged copies ``first`` to ``count``; ends after ``most`` findings."""
    report, begin = Report(target.name), first
    with tempfile.TemporaryDirectory(prefix="ranvier-fuzz-", dir=_in_memory()) as folder:
        while first < count and len(report.findings) < most:
            at, what = _batch(target, first, count, Path(folder), report)
            first = at if what is None else at + 1
            report.read = first - begin
            if what is not None and target.isolated and what.startswith(_ENDED):
                report.ended += 1
            elif what is not None:
                seed = f"{target.name}/{at}"
                report.findings.append(Finding(seed, what, mutated(target.samples, target.flavour, seed)))
    return report


def _in_memory() -> Path | None:
    """A folder in memory, where every write is cheap; None where there is none."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() and shutil.disk_usage(shared).free > _MEMORY else None


def withstands(target: Target, count: int) -> None:
    """Fail where a damaged file ends, hangs or exhausts the process, or raises an error outside the family."""
    if not hasattr(os, "fork"):
        pytest.skip("damaged files are read in forked processes, which this system does not have")
    with tempfile.TemporaryDirectory() as folder, suppress(*target.also):
        target.read(target.place(Path(folder), target.samples[0]))
    report = fuzz(target, count)
    REPORTS.append(report)
    found = report.findings
    assert not found, f"{target.name}: {len(found)} findings in {report.read}\n" + "\n".join(map(str, found))


def _batch(target: Target, first: int, count: int, folder: Path, report: Report) -> tuple[int, str | None]:
    """Read from number ``first`` on: the number that was not withstood, and what happened; (count, None) where all were."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fork beside threads: the child takes no lock of theirs
        child = os.fork()
    if not child:
        os.close(reading)
        _work(target, first, count, folder, writing)
    os.close(writing)
    try:
        at, what = _watch(target, child, reading, first, report)
    finally:
        os.close(reading)
    _, status, used = os.wait4(child, 0)
    report.memory = max(report.memory, 1024 * used.ru_maxrss)
    if what is None and os.waitstatus_to_exitcode(status):
        what = f"{_ENDED} {os.waitstatus_to_exitcode(status)}"
    return (count, None) if what is None else (at, what)


def _watch(target: Target, child: int, reading: int, first: int, report: Report) -> tuple[int, str | None]:
    """The number it came to, and what was found; nothing is said of a process that ended by itself."""
    at, said, begun, before, idle = first, b"", time.monotonic(), float("inf"), _FIRST
    while True:
        ready, _, _ = select.select([reading], [], [], min(target.seconds, target.idle) / 4)
        if not ready:
            late = time.monotonic() - begun > idle
            if late or spent_by_family(child) - before > target.seconds:
                end_family(child)
                return at, f"still reading after {idle if late else target.seconds:g} s"
            continue
        got = os.read(reading, 65536)
        said += got
        *lines, said = said.split(b"\n")
        for line in lines:
            kind, _, rest = line.partition(b" ")
            if kind == b"found":
                return at, rest.decode("unicode_escape")
            number, before, taken = (float(word) for word in rest.split())
            at, begun, idle = int(number), time.monotonic(), target.idle
            report.slowest = max(report.slowest, taken)
        if not got:
            return at, None


def _work(target: Target, first: int, count: int, folder: Path, writing: int) -> NoReturn:
    """In the child: read, and say before each file which it is, and at the end what could not be withstood."""
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (_mapped() + _MEMORY, resource.RLIM_INFINITY))
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        warnings.simplefilter("ignore")
        logging.disable()
        faulthandler.disable()
        gc.freeze()
        with suppress(BaseException):  # once undamaged, so that no damaged file pays for what is loaded once
            target.read(target.place(_empty(folder), target.samples[0]))
        before = start = _spent()
        for k in range(first, count):
            os.write(writing, b"at %d %f %f\n" % (k, start, start - before))
            what = _read_one(target, f"{target.name}/{k}", folder)
            if what is not None:
                os.write(writing, b"found " + what.encode("unicode_escape") + b"\n")
                break
            before, start = start, _spent()
        else:
            os.write(writing, b"at %d %f %f\n" % (count, start, start - before))
        for reader in _readers():
            reader.close()
        code = 0
    finally:
        os._exit(code)


def _read_one(target: Target, seed: str, folder: Path) -> str | None:
    given = target.place(_empty(folder), mutated(target.samples, target.flavour, seed))
    try:
        target.read(given)
    except (RanvierError, *target.also):
        return None
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:200]}\n{''.join(traceback.format_tb(error.__traceback__)[-4:])}"
    return None


def _empty(folder: Path) -> Path:
    inside = folder / "one"
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir()
    return inside


def _readers() -> list[Reader]:
    """The guarded reader that this process started."""
    reader = current().reader
    return [] if reader is None or reader.owner != os.getpid() else [reader]


def _spent() -> float:
    """Processor time in s of this process, of its children that ended, and of its guarded reader."""
    ended = os.times()
    return (
        time.process_time()
        + ended.children_user
        + ended.children_system
        + sum(spent(reader.pid) for reader in _readers())
    )


def _mapped() -> int:
    """Bytes of address space in use."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
