"""Files of compiled kernels, damaged: the kernel is compiled anew, and code that is not whole never runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ranvier.kernels.cpu.llvm.jit import Kernels, kernel_key
from ranvier.kernels.cpu.llvm.store import HEADER, Store
from tests.fuzz.engine import LONG, Target, withstands
from tests.kernels.cpu.llvm.test_jit import TEXT, works

_KEY = kernel_key("put", TEXT)


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The file of one kernel."""
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path))
    Kernels(Store()).compile("put", TEXT)
    (file,) = (tmp_path / "kernels").iterdir()
    assert file.name == f"{_KEY}.kernel"
    return file.read_bytes()


def _place(folder: Path, payload: bytes) -> Path:
    (folder / "kernels").mkdir(mode=0o700)
    path = folder / "kernels" / f"{_KEY}.kernel"
    path.write_bytes(payload)
    return path


def _target(name: str, whole: bytes) -> Target:
    code = whole[HEADER:]

    def load(path: Path) -> None:
        os.environ["RANVIER_CACHE"] = str(path.parents[1])
        damaged = path.read_bytes() != whole
        found = Store().load(_KEY)
        assert found == (None if damaged else code)
        assert path.exists() != damaged

    def run(path: Path) -> None:
        os.environ["RANVIER_CACHE"] = str(path.parents[1])
        assert works(Kernels(Store()).compile("put", TEXT))
        assert path.read_bytes() == whole

    return Target(name, [whole], _place, {"load": load, "run": run}[name])


@pytest.mark.parametrize("name", ["load", "run"])
def test_damaged_kernels(name: str, whole: bytes) -> None:
    withstands(_target(name, whole), 60)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["load", "run"])
def test_damaged_kernels_at_length(name: str, whole: bytes) -> None:
    withstands(_target(name, whole), LONG)
