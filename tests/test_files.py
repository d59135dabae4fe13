"""Files are whole or not there, whatever ends the process or fills the disk; what a killed write left bars nothing."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier._files import is_partial, replace_file, sweep
from ranvier.errors import FileFormatError, RecordingError, WriteError
from ranvier.units import ms
from tests.killed import JOBS, _circuit

ROOT = Path(__file__).resolve().parents[1]


def _kill(job: str, folder: Path, numbers: str) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.killed", job, str(folder / job), numbers]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200)
    assert said.returncode == 0, said.stderr
    first, *rest = map(json.loads, said.stdout.splitlines())
    assert first["code"] == 0, first
    assert rest
    for line in rest:
        assert line["killed"] == -signal.SIGKILL, line
        assert (line["code"], line["said"], line["litter"]) == (0, "", []), line


@pytest.mark.parametrize(("job", "numbers"), [("train", "5,30,60,97"), ("run", "3,18,40,99")])
def test_killed_at_some_file_operations(job: str, numbers: str, tmp_path: Path) -> None:
    """The same call goes on to the identical result, and nothing is left over."""
    _kill(job, tmp_path, numbers)


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
def test_killed_at_every_file_operation(job: str, tmp_path: Path) -> None:
    _kill(job, tmp_path, "")


class TestReplaceFile:
    def test_leftovers_of_the_dead_are_swept_and_writes_in_progress_stay(self, tmp_path: Path) -> None:
        fcntl = pytest.importorskip("fcntl")
        dead, alive, other = (tmp_path / f".a.{n}.partial" for n in ("00000000", "11111111", "x"))
        for path in (dead, alive, other):
            path.write_bytes(b"half")
        with alive.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            sweep(tmp_path, "b")
            assert dead.exists()
            sweep(tmp_path, "a")
            assert [p.exists() for p in (dead, alive, other)] == [False, True, True]
        assert not is_partial(other.name)

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
    @pytest.mark.parametrize("at", ["open", "write", "fsync", "replace"])
    def test_trouble_names_the_file_and_leaves_it_as_it_was(
        self, at: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "a.bin"
        replace_file(path, b"before")

        def fail(*_: object, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, at, fail)
            with pytest.raises(WriteError, match=rf"a\.bin cannot be written \({os.strerror(number)}\): \w+") as caught:
                replace_file(path, b"after")
        assert caught.value.errno == number
        assert path.read_bytes() == b"before"
        assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


class TestFullDisk:
    """A limit on the size of files stands for the disk."""

    @pytest.fixture
    def small_disk(self) -> Callable[[int], None]:
        resource = pytest.importorskip("resource")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def test_save(self, small_disk: Callable[[int], None], tmp_path: Path) -> None:
        net = rv.Sequential(rv.Linear(50, 60), rv.LIF(60), dt=1 * ms)
        small_disk(2000)
        with pytest.raises(
            WriteError, match=r"weights-\w+\.safetensors cannot be written \(File too large\): raise the limit"
        ):
            rv.save(net, tmp_path / "new" / "model")
        assert list(tmp_path.iterdir()) == []

    def test_save_state(self, small_disk: Callable[[int], None], tmp_path: Path) -> None:
        state = _circuit().run(1 * ms).state
        small_disk(10)
        with pytest.raises(WriteError, match="state cannot be written"):
            rv.save_state(state, tmp_path / "state")
        assert list(tmp_path.iterdir()) == []

    def test_train(self, small_disk: Callable[[int], None], tmp_path: Path) -> None:
        torch.manual_seed(0)
        net = rv.Sequential(rv.Linear(50, 60), rv.LIF(60), rv.Linear(60, 2), rv.LeakyReadout(2), dt=1 * ms)
        data = torch.rand(4, 5, 50), torch.zeros(4, dtype=torch.long)
        small_disk(4000)
        with pytest.raises(
            WriteError, match=r"epoch 1 is done, but not its checkpoint \(there is none\): .*File too large"
        ):
            rv.train(net, data, epochs=2, checkpoint=tmp_path / "kept", progress=False)
        assert list(tmp_path.iterdir()) == []

    def test_run(self, small_disk: Callable[[int], None], tmp_path: Path) -> None:
        small_disk(100)
        with pytest.raises(
            RecordingError, match=r"cannot begin.*state-\w+\.safetensors cannot be written \(File too large\)"
        ):
            _circuit().run(5 * ms, checkpoint=tmp_path / "kept")
        assert list(tmp_path.iterdir()) == []


def test_what_is_foreign_stays(tmp_path: Path) -> None:
    """A description of another program, files beside a model, tensors that are named alike."""
    net = rv.Sequential(rv.Linear(5, 6), rv.LIF(6), dt=1 * ms)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "network.json").write_text('{"format": "something else"}')
    with pytest.raises(FileFormatError, match="is not a saved network"):
        rv.save(net, tmp_path / "other")
    rv.save(net, tmp_path / "model")
    (tmp_path / "model" / "weights-mine.safetensors").write_text("precious")
    rv.save(rv.Sequential(rv.Linear(5, 7), rv.LIF(7), dt=1 * ms), tmp_path / "model")
    assert (tmp_path / "model" / "weights-mine.safetensors").read_text() == "precious"
    assert len(list((tmp_path / "model").glob("*.safetensors"))) == 2
