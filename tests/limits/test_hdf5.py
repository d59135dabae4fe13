"""A damaged HDF5 file holds its reader for the seconds of the guard."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from ranvier import data
from ranvier.errors import FileFormatError
from ranvier.limits.guard import Guard, use
from tests.data.test_large_sets import write_spoken

pytest.importorskip("h5py")


def test_an_endless_list_of_objects_is_left_after_the_seconds_of_the_guard(
    tmp_path: Path,
) -> None:
    """The size of an object and that of its header add up to 2^64, which is nothing: the library stays where it is."""
    for part in ("train", "test"):
        write_spoken(tmp_path / "SHD" / f"shd_{part}.h5", 4)
    path = tmp_path / "SHD" / "shd_train.h5"
    content = bytearray(path.read_bytes())
    first = content.index(b"GCOL") + 16
    content[first + 8 : first + 16] = (2**64 - 16).to_bytes(8, "little")
    path.write_bytes(content)
    words = r"shd_train\.h5 (was still being read after 0\.4|cannot be read)"
    with use(Guard(seconds=0.4)) as guard, pytest.raises(FileFormatError, match=words):
        data.load("shd", folder=tmp_path)
    before = _of_children()
    assert guard.reader is not None
    guard.reader.close()
    assert _of_children() - before < 10


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
