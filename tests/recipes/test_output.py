"""A file appears whole or not at all; a folder that cannot be written is refused beforehand."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ranvier.cli.demo import demo
from ranvier.errors import RanvierError
from ranvier.recipes.parts.output import prepare, write


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("precious")
    with pytest.raises(RanvierError, match="--out"):
        prepare(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "precious"


def test_nothing_is_computed_for_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("ranvier.recipes.parts.output.tempfile.mkstemp", refuse)
    monkeypatch.setattr("ranvier.recipes.parts.digits.run_seed", lambda *args: pytest.fail("the work has begun"))
    with pytest.raises(RanvierError, match="Permission denied"):
        demo(tmp_path)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "report.html", "old")
    write(path, "new, ±")
    assert path.read_text(encoding="utf-8") == "new, ±"
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "report.html", "old")

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ranvier.recipes.parts.output.os.replace", full)
    with pytest.raises(RanvierError, match="No space left"):
        write(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.html"]
