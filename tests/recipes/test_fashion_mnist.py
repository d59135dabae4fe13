"""The Fashion-MNIST recipe on images made here, in the files of the real set."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from ranvier.data import Card, Samples, Splits, read_idx
from ranvier.errors import FileFormatError, RanvierError
from ranvier.recipes import fashion_mnist
from ranvier.recipes.parts import fashion

CARD = Card("fashion_mnist", "", "", "", "", tuple("0123456789"), "")


def write_idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wb") as file:
        file.write(b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes())


def stripes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images with a bright bar whose row is the class; mirroring does not change it."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 10
    x = rng.integers(0, 60, (count, 28, 28))
    for k in range(count):
        x[k, 2 + 2 * y[k] : 5 + 2 * y[k]] += 190
    return x.astype(np.uint8), y.astype(np.uint8)


def part(count: int, seed: int) -> Samples:
    x, y = stripes(count, seed)
    return Samples(lambda i: torch.from_numpy(x[i].astype(np.float32) / 255), np.arange(count), y.astype(np.int64))


SETS = Splits(part(400, 0), part(40, 1), part(60, 2), CARD)


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


def test_the_seed_draws_training_and_validation_images_alone() -> None:
    images, other = (fashion.drawn(SETS, 200, 100, seed, 50) for seed in (0, 1))

    def rows(pair: tuple[torch.Tensor, torch.Tensor]) -> set[bytes]:
        return {x.numpy().tobytes() for x in pair[0]}

    assert [len(rows(pair)) for pair in (images.train, images.valid, images.test)] == [200, 100, 50]
    assert not rows(images.train) & rows(images.valid)
    assert rows(images.valid) != rows(other.valid)
    assert rows(images.test) == rows(other.test)
    assert torch.bincount(images.valid[1]).tolist() == [10] * 10
    pixels = torch.stack([SETS.test[k][0] for k in range(50)])
    assert torch.equal(images.test[0][:, 0], (pixels - 0.2860) / 0.3530)


def test_from_images_to_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small images are learnt by every arm; a second run goes on from checkpoints and gives the same."""
    monkeypatch.setattr(fashion_mnist, "load", lambda name, folder: SETS)
    small = {"images": 200, "valid": 50, "test": 60, "epochs": 3, "stage_epochs": 1, "last_epochs": 1, "seeds": (0,)}
    outcome = fashion_mnist.run(tmp_path, **small)
    assert min(outcome.mean(arm, "accuracy") for arm in outcome.recipe.arms) > 0.8
    five, one = (outcome.mean(arm, "spikes") for arm in ("five steps", "one step, in stages"))
    assert 0 < one < five
    (journal,) = tmp_path.rglob("trials.jsonl")
    journal.unlink()
    again = fashion_mnist.run(tmp_path, **small)
    assert [t.values for t in again.trials] == [t.values for t in outcome.trials]


def test_images_of_a_reader_are_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = fashion.drawn(SETS, 200, 100, 0, 50)
    place = tmp_path / "fashion_mnist"
    with pytest.raises(RanvierError, match=r"there is no .*t10k-images-idx3-ubyte.gz and no .*t10k-labels"):
        fashion.supplied(images, SETS, place)
    x, y = stripes(20, 7)
    write_idx(place / "t10k-images-idx3-ubyte.gz", x)
    write_idx(place / "t10k-labels-idx1-ubyte.gz", y)
    mine = fashion.supplied(images, SETS, place)
    assert mine.train is images.train
    assert torch.equal(mine.test[1], torch.from_numpy(y.astype(np.int64)))
    torch.testing.assert_close(mine.test[0][:, 0], (torch.from_numpy(x) / 255 - 0.2860) / 0.3530)
    write_idx(place / "t10k-labels-idx1-ubyte.gz", y[:5])
    with pytest.raises(RanvierError, match=r"images \(20, 28, 28\) and labels \(5,\)"):
        fashion.supplied(images, SETS, place)
    leaking = stripes(40, 1)[0][:1]
    write_idx(place / "t10k-images-idx3-ubyte.gz", np.concatenate([x[:4], leaking]))
    with pytest.raises(RanvierError, match=r"the split leaks: 1 of 5 samples .* such as image number 4"):
        fashion.supplied(images, SETS, place)
