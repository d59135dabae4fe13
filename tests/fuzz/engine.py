"""Damaged files for a reader, each read in a process of its own kind: a crash or a hang is a finding, not the end.

A forked process reads one damaged file after another and tells before each which comes next. The process that watches it
ends one that works on a file for too long, and starts another behind the file that ended one.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import resource
import select
import shutil
import signal
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
from tests.fuzz.mutate import mutated

__all__ = ["LONG", "QUICK", "Finding", "Target", "file_in", "fuzz", "withstands"]

QUICK, LONG = 150, 10_000
_SECONDS, _MEMORY = 5.0, 1 << 30


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
    """

    name: str
    samples: Sequence[bytes]
    place: Callable[[Path, bytes], Any]
    read: Callable[[Any], object]
    flavour: str = "bytes"
    also: tuple[type[BaseException], ...] = ()
    seconds: float = _SECONDS


@dataclass
class Finding:
    """Damage that a reader did not withstand; ``mutated(target.samples, target.flavour, seed)`` makes it again."""

    seed: str
    what: str
    payload: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.seed}: {self.what}\n    payload {self.payload[:120]!r} ({len(self.payload)} bytes)"


def file_in(name: str) -> Callable[[Path, bytes], Path]:
    """A ``place`` that writes the payload under one name."""

    def place(folder: Path, payload: bytes) -> Path:
        path = folder / name
        path.write_bytes(payload)
        return path

    return place


def fuzz(target: Target, count: int, most: int = 20) -> list[Finding]:
    """The findings among ``count`` damaged copies; ends after ``most`` of them."""
    findings: list[Finding] = []
    first = 0
    with tempfile.TemporaryDirectory(prefix="ranvier-fuzz-") as folder:
        while first < count and len(findings) < most:
            at, what = _batch(target, first, count, Path(folder))
            if what is None:
                break
            seed = f"{target.name}/{at}"
            findings.append(Finding(seed, what, mutated(target.samples, target.flavour, seed)))
            first = at + 1
    return findings


def withstands(target: Target, count: int) -> None:
    """Fail where a damaged file ends, hangs or exhausts the process, or raises an error outside the family."""
    if not hasattr(os, "fork"):
        pytest.skip("damaged files are read in forked processes, which this system does not have")
    with tempfile.TemporaryDirectory() as folder, suppress(*target.also):
        target.read(target.place(Path(folder), target.samples[0]))
    found = fuzz(target, count)
    assert not found, f"{target.name}: {len(found)} findings in {count}\n" + "\n".join(map(str, found))


def _batch(target: Target, first: int, count: int, folder: Path) -> tuple[int, str | None]:
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
        return _watch(target, child, reading, first, count)
    finally:
        os.close(reading)


def _watch(target: Target, child: int, reading: int, first: int, count: int) -> tuple[int, str | None]:
    at, said, deadline = first, b"", time.monotonic() + target.seconds
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
        got = os.read(reading, 65536) if ready else b""
        said += got
        *lines, said = said.split(b"\n")
        for line in lines:
            kind, _, rest = line.partition(b" ")
            if kind == b"at":
                at, deadline = int(rest), time.monotonic() + target.seconds
            else:
                os.waitpid(child, 0)
                return at, rest.decode("unicode_escape")
        if not ready:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return at, f"still reading after {target.seconds:g} s"
        if not got:
            _, status = os.waitpid(child, 0)
            if os.waitstatus_to_exitcode(status) == 0:
                return count, None
            return at, f"the process ended with {os.waitstatus_to_exitcode(status)}"


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
        for k in range(first, count):
            os.write(writing, b"at %d\n" % k)
            what = _read_one(target, f"{target.name}/{k}", folder)
            if what is not None:
                os.write(writing, b"found " + what.encode("unicode_escape") + b"\n")
                break
        code = 0
    finally:
        os._exit(code)


def _read_one(target: Target, seed: str, folder: Path) -> str | None:
    inside = folder / "one"
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir()
    given = target.place(inside, mutated(target.samples, target.flavour, seed))
    try:
        target.read(given)
    except (RanvierError, *target.also):
        return None
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:200]}\n{''.join(traceback.format_tb(error.__traceback__)[-4:])}"
    return None


def _mapped() -> int:
    """Bytes of address space in use."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
