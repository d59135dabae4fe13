"""The Fashion-MNIST recipe on images made here, in the files of the real set."""

from __future__ import annotations

import gzip
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.data import read_idx
from ranvier.errors import FileFormatError, RanvierError
from ranvier.recipes import fashion_mnist
from ranvier.recipes.parts import fashion


def write_idx(path: Path, array: np.ndarray) -> None:
    with gzip.open(path, "wb") as file:
        file.write(b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes())


def stripes(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images with a bright bar whose row is the class; mirroring does not change it."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % 10
    x = torch.randn(count, 1, 28, 28, generator=generator) * 0.3 - 0.8
    for k in range(count):
        x[k, 0, 2 + 2 * int(y[k]) : 5 + 2 * int(y[k])] += 2.5
    return x, y


def test_a_file_comes_back(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_idx(tmp_path / "a.gz", array)
    assert np.array_equal(read_idx(tmp_path / "a.gz"), array)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "does not exist"),
        (b"no gzip", "cannot be read"),
        (gzip.compress(b"\1\0\x08\1", mtime=0), "an IDX file of bytes begins with"),
    ],
    ids=["missing", "not compressed", "not IDX"],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes | None, what: str) -> None:
    if content is not None:
        (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(FileFormatError, match=what):
        read_idx(tmp_path / "a.gz")
    short = gzip.compress(b"\0\0\x08\1" + struct.pack(">I", 9) + b"1234")
    (tmp_path / "a.gz").write_bytes(short)
    with pytest.raises(FileFormatError, match="holds 4"):
        read_idx(tmp_path / "a.gz")


def test_the_split_shares_no_image_and_is_drawn_by_the_seed(tmp_path: Path) -> None:
    rows = np.arange(60_000)
    for name, count in (("train", 60_000), ("t10k", 10_000)):
        pixels = np.zeros((count, 28, 28), np.uint8)
        pixels[:, 0, 0], pixels[:, 0, 1] = rows[:count] % 256, rows[:count] // 256
        write_idx(tmp_path / f"{name}-images-idx3-ubyte.gz", pixels)
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte.gz", (rows[:count] % 10).astype(np.uint8))
    images, other = (fashion.load(tmp_path, seed) for seed in (0, 1))

    def numbers(part: tuple[torch.Tensor, torch.Tensor]) -> set[int]:
        pair = torch.round((part[0][:, 0, 0, :2] * 0.3530 + 0.2860) * 255).long()
        return set((pair[:, 0] + 256 * pair[:, 1]).tolist())

    assert len(numbers(images.train)) == 50_000
    assert len(numbers(images.valid)) == 10_000
    assert not numbers(images.train) & numbers(images.valid)
    assert numbers(images.valid) != numbers(other.valid)
    assert torch.bincount(images.valid[1]).tolist() == [1000] * 10


def test_from_images_to_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small images are learnt, every stage is tested, an interrupted run goes on, and the page says what came out."""
    images = fashion.Images(stripes(300, 0), stripes(60, 1), stripes(60, 2))
    monkeypatch.setattr(fashion_mnist, "load", lambda folder, seed: images)
    small = replace(fashion.Setup(), steps=2, channels=(4, 8), hidden=20, lr=1e-2, stage_lr=1e-2, batch_size=30)
    monkeypatch.setattr(fashion_mnist, "Setup", lambda: small)
    path = rv.recipes.fashion_mnist.run(tmp_path, epochs=3, stage_epochs=1, last_epochs=2)
    found = json.loads((tmp_path / "fashion_mnist.json").read_text())
    assert [row["steps"] for row in found["results"]] == [2, 1]
    assert min(row["test"] for row in found["results"]) > 0.8
    assert all(row["spikes"] > 0 and row["processor_seconds"] > 0 for row in found["results"])
    assert "| 1 |" in path.read_text()
    again = rv.recipes.fashion_mnist.run(tmp_path, epochs=3, stage_epochs=1, last_epochs=2)
    same = json.loads((tmp_path / "fashion_mnist.json").read_text())
    for a, b in zip(found["results"], same["results"], strict=True):
        assert {n: a[n] for n in ("valid", "test", "spikes")} == {n: b[n] for n in ("valid", "test", "spikes")}
    assert again == path


def test_numbers_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RanvierError, match="epochs=0"):
        rv.recipes.fashion_mnist.run(tmp_path, epochs=0)
