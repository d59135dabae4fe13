"""Event files of every format, damaged."""

from __future__ import annotations

import pytest

from ranvier import data
from tests.data.formats import write
from tests.fuzz.engine import LONG, QUICK, Target, file_in, withstands
from tests.fuzz.isolated import isolated


def _read(path) -> None:
    events = data.read_events(path, size=(48, 64) if path.suffix == ".raw" else None)
    if events.shape[1] * events.shape[2] < 10_000:
        data.Bins(3)(events)


TARGETS = {
    "dat": Target("dat", [write.dat(), b"% Version 1\n" + b"\x00\x08" + bytes(64)], file_in("x.dat"), _read),
    "evt2": Target("evt2", [write.evt2(), write.evt3()], file_in("x.raw"), _read),
    "evt3": Target("evt3", [write.evt3(), write.evt2()], file_in("x.raw"), _read),
    "es": Target("es", [write.es()], file_in("x.es"), _read),
    "nmnist": Target("nmnist", [write.nmnist()], file_in("x.bin"), _read),
    "mat": Target("mat", [write.mat(False), write.mat(True), write.mat(False, ">")], file_in("x.mat"), _read),
}


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_event_files(name: str) -> None:
    withstands(TARGETS[name], QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_damaged_event_files_at_length(name: str) -> None:
    withstands(TARGETS[name], LONG)


def _aedat4(data_folder) -> Target:
    pytest.importorskip("aedat", reason="aedat is not installed; the extra `data` holds it")
    whole = (data_folder("event_files") / "sample.aedat4").read_bytes()
    return Target("aedat4", [whole, whole[:60_000]], file_in("x.aedat4"), data.read_events)


def test_damaged_aedat4_files(data_folder) -> None:
    withstands(_aedat4(data_folder), QUICK // 5)


@pytest.mark.slow
def test_damaged_aedat4_files_at_length(data_folder) -> None:
    with isolated(_aedat4(data_folder)) as target:
        withstands(target, LONG)
