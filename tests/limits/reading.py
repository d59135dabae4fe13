"""Readers for the guard's tests: what a library might do while it reads a file."""

from __future__ import annotations

import ctypes
import os
import pickle
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

_calls: list[int] = []


def numbers(path: Path, count: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    return {"a": np.arange(count), "b": np.zeros((2, 0)), "c": np.array([[1.5], [2.5]])}, {"size": path.stat().st_size}


def crash(path: Path) -> Any:
    ctypes.string_at(0)


def hang(path: Path) -> Any:
    time.sleep(60)


def spin(path: Path) -> Any:
    while True:
        pass


def count_calls(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    _calls.append(1)
    return {}, {"calls": len(_calls)}


def exhaust(path: Path) -> Any:
    return {"a": np.ones(1 << 40, np.uint8)}, {}


def unpickle(path: Path) -> Any:
    return pickle.loads(path.read_bytes())


def run_text(path: Path) -> Any:
    exec(path.read_text())


def start_a_program(path: Path) -> Any:
    subprocess.run(["touch", str(path.with_name("marker"))])


def write(path: Path) -> Any:
    path.with_name("marker").write_text("x")


def delete(path: Path) -> Any:
    os.remove(path)


def objects(path: Path) -> Any:
    return {"a": np.array([{}], object)}, {}


def lacking(path: Path) -> Any:
    import nothing_of_this_name  # noqa: F401
