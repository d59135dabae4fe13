"""The engine sees what it is made to see, and makes the same damage from the same seed."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

import pytest

from ranvier.errors import FileFormatError
from tests.fuzz.engine import Target, file_in, fuzz, withstands
from tests.fuzz.mutate import FLAVOURS, mutated


def _crash(path: Path) -> None:
    if path.read_bytes() != b"whole file":
        ctypes.string_at(0)


def _hang(path: Path) -> None:
    if path.read_bytes() != b"whole file":
        time.sleep(60)


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
        (_hang, "still reading after 0.3 s"),
        (_exhaust, "MemoryError"),
        (_raise, "KeyError: 'x'"),
    ],
)
def test_each_fault_is_found_and_named(read, what: str) -> None:
    target = Target("engine", [b"whole file"], file_in("x"), read, seconds=0.3)
    found = fuzz(target, 40, most=3)
    assert len(found) == 3
    for one in found:
        assert what in one.what
        assert one.payload == mutated(target.samples, "bytes", one.seed)
    with pytest.raises(AssertionError, match="findings in 40"):
        withstands(target, 40)


def test_errors_of_the_package_are_no_findings() -> None:
    withstands(Target("engine", [b"whole file"], file_in("x"), _refuse), 100)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_damage_is_the_same_for_the_same_seed_and_differs_between_seeds(flavour: str) -> None:
    samples = [b'{"a": [1, 2.5, "x"], "b": {"c": null}}', b'{"d": 1}']
    made = [mutated(samples, flavour, f"s/{k}") for k in range(200)]
    assert made == [mutated(samples, flavour, f"s/{k}") for k in range(200)]
    assert len(set(made)) > 100
