"""The engine sees what it is made to see, and makes the same damage from the same seed."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ranvier.errors import FileFormatError
from tests.fuzz import table
from tests.fuzz.engine import Target, file_in, fuzz, withstands
from tests.fuzz.mutate import FLAVOURS, mutated


def _crash(path: Path) -> None:
    if path.read_bytes() != b"whole file":
        ctypes.string_at(0)


def _hang(path: Path) -> None:
    while path.read_bytes() != b"whole file":
        pass


def _wait(path: Path) -> None:
    if path.read_bytes() != b"whole file":
        time.sleep(60)


def _work(path: Path) -> None:
    if path.read_bytes() != b"whole file":
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass


def _exhaust(path: Path) -> None:
    if path.read_bytes() != b"whole file":
        bytearray(3 << 30)


def _raise(path: Path) -> None:
    if path.read_bytes() != b"whole file":
        raise KeyError("x")


def _refuse(path: Path) -> None:
    if path.read_bytes() != b"whole file":
        raise FileFormatError("damaged")


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (_crash, "ended with -11"),
        (_hang, "still reading after 0.5 s"),
        (_wait, "still reading after 0.6 s"),
        (_exhaust, "MemoryError"),
        (_raise, "KeyError: 'x'"),
    ],
)
def test_each_fault_is_found_and_named(read, what: str) -> None:
    target = Target("engine", [b"whole file"], file_in("x"), read, seconds=0.5, idle=0.6 if read is _wait else 60.0)
    found = fuzz(target, 3).findings
    assert len(found) == 3
    for one in found:
        assert what in one.what
        assert one.payload == mutated(target.samples, "bytes", one.seed)


def test_the_end_of_an_isolated_process_is_counted_and_no_finding() -> None:
    report = fuzz(Target("engine", [b"whole file"], file_in("x"), _crash, isolated=True), 3)
    assert (report.read, report.ended, report.findings) == (3, 3, [])
    assert len(fuzz(Target("engine", [b"whole file"], file_in("x"), _raise, isolated=True), 3).findings) == 3


def test_findings_fail_a_test() -> None:
    with pytest.raises(AssertionError, match="3 findings in 3"):
        withstands(Target("engine", [b"whole file"], file_in("x"), _raise), 3)


def test_what_a_reader_started_counts_and_ends_with_it(tmp_path: Path) -> None:
    def hang_beside(path: Path) -> None:
        if path.read_bytes() != b"whole file":
            process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            (tmp_path / "started").write_text(str(process.pid))
            process.wait()

    (found,) = fuzz(Target("engine", [b"whole file"], file_in("x"), hang_beside, seconds=0.5), 1).findings
    assert "still reading after 0.5 s" in found.what
    stat, limit = Path("/proc") / (tmp_path / "started").read_text() / "stat", time.monotonic() + 10
    while time.monotonic() < limit and stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert time.monotonic() < limit


def test_a_report_names_the_time_and_memory_of_the_slowest_and_largest() -> None:
    report = fuzz(Target("engine", [b"whole file"], file_in("x"), _work), 3)
    assert (report.read, report.findings) == (3, [])
    assert 0.19 < report.slowest < 2
    assert 10e6 < report.memory < 10e9


def test_the_table_holds_what_long_tests_recorded() -> None:
    recorded = [
        ("damaged", ["nwb", 10_000, 5, 2, 3.014, 400_000_000]),
        ("damaged", ["dat", 150, 0, 0, 0.1, 1]),
        ("other", 1),
    ]
    head, row = table.lines(recorded)
    assert head.split() == ["reader", "damaged", "files", "ended", "findings", "slowest,", "s", "memory,", "MB"]
    assert row.split() == ["nwb", "10,000", "5", "2", "3.01", "400"]
    assert table.lines(recorded[1:]) == []


def test_errors_of_the_package_are_no_findings() -> None:
    withstands(Target("engine", [b"whole file"], file_in("x"), _refuse), 100)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_damage_is_the_same_for_the_same_seed_and_differs_between_seeds(flavour: str) -> None:
    samples = [b'{"a": [1, 2.5, "x"], "b": {"c": null}}', b'{"d": 1}']
    made = [mutated(samples, flavour, f"s/{k}") for k in range(200)]
    assert made == [mutated(samples, flavour, f"s/{k}") for k in range(200)]
    assert len(set(made)) > 100
