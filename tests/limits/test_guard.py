"""What a guarded reader may not do, and what it costs."""

from __future__ import annotations

import os
import pickle
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from ranvier.errors import FileFormatError, MemoryLimitError
from ranvier.limits import guarded
from ranvier.limits.guard import Guard, current

READING = "tests.limits.reading"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


def test_arrays_and_facts_come_back(path: Path) -> None:
    answer = guarded(f"{READING}:numbers", path, count=100_000)
    np.testing.assert_array_equal(answer.arrays["a"], np.arange(100_000))
    assert answer.arrays["b"].shape == (2, 0)
    assert answer.arrays["c"].tolist() == [[1.5], [2.5]]
    assert answer.facts == {"size": 7}


@pytest.mark.parametrize(
    ("reader", "error", "message"),
    [
        ("crash", FileFormatError, "ended the process that read it .exit status -11"),
        ("exhaust", MemoryLimitError, "needs more memory than"),
        ("objects", FileFormatError, "something other than numbers"),
        ("start_a_program", FileFormatError, "it calls subprocess.Popen"),
        ("write", FileFormatError, "it tries to write to .*marker"),
        ("delete", FileFormatError, "it calls os.remove"),
    ],
)
def test_what_a_file_may_not_make_a_library_do(path: Path, reader: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        guarded(f"{READING}:{reader}", path)
    assert os.listdir(path.parent) == ["file"]
    assert guarded(f"{READING}:numbers", path, count=1).facts == {"size": 7}


@pytest.mark.parametrize(
    ("reader", "limits", "message"),
    [
        ("hang", {"waiting": 0.3}, r"file was still being read after 0\.3 s: it is damaged"),
        ("spin", {"seconds": 0.3}, r"file was still being read after 0\.3 s of processor time: it is damaged"),
    ],
)
def test_a_hang_is_ended_and_the_next_file_is_read(path: Path, reader: str, limits: dict, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        guarded(f"{READING}:{reader}", path, **limits)
    assert guarded(f"{READING}:numbers", path, count=1).facts == {"size": 7}


def test_a_small_file_may_take_three_seconds_and_a_large_one_in_proportion(
    path: Path,
) -> None:
    asked: list[tuple[float, float]] = []

    class Asked:
        alive = True

        def ask(self, job: dict, seconds: float) -> tuple[dict, dict]:
            asked.append((job["seconds"], job["waiting"]))
            return {"outcome": "read", "facts": {}}, {}

    guard = Guard(Asked)
    guard.read(f"{READING}:numbers", path)
    os.truncate(path, 300_000_000)
    guard.read(f"{READING}:numbers", path)
    assert asked == [(pytest.approx(3, abs=1e-3), pytest.approx(72, abs=1e-3)), (603, 2472)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_file_leaves_nothing_to_the_next(path: Path) -> None:
    """Each file has a process of its own, which a damaged file before it cannot have changed."""
    for reader in ("count_calls", "crash", "count_calls"):
        with suppress(FileFormatError):
            assert guarded(f"{READING}:{reader}", path).facts == {"calls": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_crash_keeps_the_loaded_libraries(path: Path) -> None:
    with pytest.raises(FileFormatError):
        guarded(f"{READING}:crash", path)
    before = current().reader
    assert before is not None
    with pytest.raises(FileFormatError):
        guarded(f"{READING}:spin", path, seconds=0.1)
    assert current().reader is before
    assert before.alive


def test_nothing_is_unpickled_or_run(path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(path.with_name("marker")),)

    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(FileFormatError, match=r"pickle\.find_class"):
        guarded(f"{READING}:unpickle", path)
    path.write_text(f"import os\nos.mkdir({str(path.with_name('marker'))!r})")
    with pytest.raises(FileFormatError, match="code to be run"):
        guarded(f"{READING}:run_text", path)
    assert os.listdir(path.parent) == ["file"]


def test_a_missing_package_is_named(path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="nothing_of_this_name") as caught:
        guarded(f"{READING}:lacking", path)
    assert caught.value.name == "nothing_of_this_name"


def test_a_package_that_cannot_be_loaded_is_named_and_the_next_file_is_read(path: Path) -> None:
    with pytest.raises(FileFormatError, match="RuntimeError: this library is broken"):
        guarded(f"{READING}:numbers", path, needs=["tests.limits.broken"], count=1)
    assert guarded(f"{READING}:numbers", path, count=1).facts == {"size": 7}


def test_what_is_no_file_is_refused_before_anything_starts(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("pipe", "a pipe"), (".", "a folder"), ("nothing", "does not exist")):
        with pytest.raises(FileFormatError, match=message):
            guarded(f"{READING}:hang", tmp_path / name)


def test_a_forked_process_has_a_reader_of_its_own(path: Path) -> None:
    guarded(f"{READING}:numbers", path, count=1)
    reading, writing = os.pipe()
    if not os.fork():
        try:
            os.write(writing, b"%d" % guarded(f"{READING}:numbers", path, count=3).arrays["a"].sum())
        finally:
            os._exit(0)
    os.close(writing)
    assert os.read(reading, 10) == b"3"
    os.close(reading)
    os.wait()
    assert guarded(f"{READING}:numbers", path, count=2).arrays["a"].tolist() == [0, 1]
