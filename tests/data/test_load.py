"""Sets: real ones where they are, small ones in the same format where they are not."""

from __future__ import annotations

import gzip
import io
import logging
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier import data
from ranvier.data import _load
from ranvier.data.sets import _series
from ranvier.errors import FileFormatError

Find = Callable[[str], Path]


def check(sets: data.Splits, classes: int) -> None:
    for part in (sets.train, sets.valid, sets.test):
        x, y = part[0]
        assert len(part) > 0
        assert torch.isfinite(x).all()
        assert y.dtype == torch.int64
        assert set(np.unique(part.target)) <= set(range(classes))
    assert len(sets.card.classes) == classes
    if sets.train.group is not None:
        groups = [set(part.group.tolist()) for part in (sets.train, sets.valid, sets.test)]  # type: ignore[union-attr]
        assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


@pytest.mark.parametrize(
    ("name", "sizes", "shape", "classes"),
    [
        ("braille_touch", (567, 189, 189), (76, 12), 27),
        ("mnist_t10k", (5999, 2001, 2000), (28, 28), 10),
        ("nmnist_small", (639, 161, 50), (30, 2, 34, 34), 10),
        ("emg_gestures", (4807, 4815, 4814), (80, 8), 8),
        ("fsdd", (1000, 500, 500), None, 10),
        ("har_phone_watch", (1021, 299, 384), (200, 6), 5),
        ("speech_commands", (612, 187, 201), (16000,), 10),
    ],
)
def test_local_sets(data_folder: Find, name: str, sizes: tuple, shape: tuple | None, classes: int) -> None:
    if name == "speech_commands":
        pytest.importorskip("soundfile")
    sets = data.load(name, folder=data_folder(name).parent)
    assert tuple(map(len, (sets.train, sets.valid, sets.test))) == sizes
    assert shape is None or sets.train[0][0].shape == shape
    check(sets, classes)


def test_fashion_mnist_of_debian() -> None:
    if not Path("/usr/share/datasets/fashion-mnist").is_dir():
        pytest.skip("the Debian package dataset-fashion-mnist is not installed")
    sets = data.load("fashion_mnist", transform=lambda image: rv.encoding.latency(image, 5))
    check(sets, 10)
    assert (len(sets.train), len(sets.valid), len(sets.test)) == (55000, 5000, 10000)
    assert np.bincount(sets.valid.target).tolist() == [500] * 10
    assert sets.train[3][0].shape == (5, 28, 28)


def test_digits_and_tensors() -> None:
    sets = data.load("digits", transform=lambda image: rv.encoding.latency(image.flatten(), 8))
    check(sets, 10)
    x, y = sets.test.tensors()
    assert x.shape == (359, 8, 64)
    assert torch.equal(y, torch.as_tensor(sets.test.target))
    assert len(list(sets.test.items())) == 359


def test_a_set_trains_as_it_comes(data_folder: Find) -> None:
    sets = data.load("braille_touch", folder=data_folder("braille_touch").parent)
    net = rv.Sequential(rv.Linear(12, 27), rv.LeakyReadout(27), dt=1 * rv.units.ms)
    fit = rv.train(net, sets.train.take(np.arange(64)), sets.valid.take(np.arange(32)), epochs=1, progress=False)
    assert fit.history[0].valid is not None


def test_the_card_is_told_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_load, "_told", set())
    caplog.set_level(logging.INFO, "ranvier.data")
    for _ in range(2):
        data.load("digits")
    assert len(caplog.messages) == 1
    assert "CC BY 4.0" in caplog.text
    assert "Alpaydin" in caplog.text


def test_unknown_missing_and_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(data.DataError, match="braille_touch, cifar10_dvs"):
        data.load("mnits")
    with pytest.raises(data.DataError, match=str(tmp_path / "fsdd")):
        data.load("fsdd", folder=tmp_path)
    monkeypatch.setenv("RANVIER_DATA", str(tmp_path / "named"))
    with pytest.raises(data.DataError, match="named/mnist"):
        data.load("mnist")


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "braille_touch").mkdir()
    label, repetition = np.tile(np.arange(2), 35), np.repeat(np.arange(35), 2)
    np.savez(
        tmp_path / "braille_touch" / "braille.npz",
        x=np.zeros((70, 76, 12), np.uint8),
        label=label,
        repetition=repetition,
    )
    with pytest.raises(FileFormatError, match="not the file that was pinned"):
        data.load("braille_touch", folder=tmp_path)
    assert len(data.load("braille_touch", folder=tmp_path, verify=False).train) == 42


def write_idx(path: Path, array: np.ndarray) -> None:
    head = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))


def test_mnist_from_idx_files(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    for part, count in (("train", 240), ("t10k", 20)):
        write_idx(tmp_path / "mnist" / f"{part}-images-idx3-ubyte.gz", np.full((count, 28, 28), 51))
        write_idx(tmp_path / "mnist" / f"{part}-labels-idx1-ubyte.gz", np.arange(count) % 10)
    sets = data.load("mnist", folder=tmp_path, verify=False)
    assert tuple(map(len, (sets.train, sets.valid, sets.test))) == (220, 20, 20)
    assert float(sets.train[0][0].max()) == pytest.approx(0.2)
    (tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x09abc"))
    with pytest.raises(FileFormatError, match="promises"):
        data.load("mnist", folder=tmp_path, verify=False)
    (tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(FileFormatError, match="gzip"):
        data.load("mnist", folder=tmp_path, verify=False)


TS = "@problemName JapaneseVowels\n@classLabel true 1 2\n@data\n"


def write_vowels(folder: Path, cases: int) -> None:
    folder.mkdir(exist_ok=True)
    rows = [
        ":".join(",".join(f"{k + c}.5" for c in range(7 + k % 5)) for _ in range(12)) + f":{k % 2 + 1}"
        for k in range(cases)
    ]
    for part in ("TRAIN", "TEST"):
        (folder / f"JapaneseVowels_{part}.ts").write_text(TS + "\n".join(rows))


def test_japanese_vowels_in_ts_files(tmp_path: Path) -> None:
    write_vowels(tmp_path / "japanese_vowels", 20)
    sets = data.load("japanese_vowels", folder=tmp_path)
    assert tuple(map(len, (sets.train, sets.valid, sets.test))) == (16, 4, 20)
    x, y = sets.test[3]
    assert x.shape == (29, 12)
    assert x[:10, 0].tolist() == [3.5 + c for c in range(10)]
    assert x[10:].abs().sum() == 0
    assert int(y) == 1
    for text, message in ((TS + "1,x:1", "case 1"), ("nothing", "no .ts file")):
        (tmp_path / "bad.ts").write_text(text)
        with pytest.raises(FileFormatError, match=message):
            _series.read_ts(tmp_path / "bad.ts")


def test_recordings_and_commands_from_their_own_folders(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    (tmp_path / "fsdd" / "recordings").mkdir(parents=True)
    for k, speaker in enumerate(("ann", "ben", "cyd", "dee")):
        soundfile.write(tmp_path / "fsdd" / "recordings" / f"{k}_{speaker}_0.wav", np.full(100 + k, 0.5), 8000)
    sets = data.load("fsdd", folder=tmp_path)
    assert tuple(map(len, (sets.train, sets.valid, sets.test))) == (2, 1, 1)
    assert float(sets.train[0][0][0]) == pytest.approx(0.5, abs=1e-3)
    words = tmp_path / "speech_commands"
    for word, speaker in (("yes", "a"), ("no", "b"), ("go", "c"), ("cat", "d")):
        (words / word).mkdir(parents=True)
        soundfile.write(words / word / f"{speaker}_nohash_0.wav", np.zeros(160), 16000)
    (words / "validation_list.txt").write_text("no/b_nohash_0.wav\n")
    (words / "testing_list.txt").write_text("go/c_nohash_0.wav\ncat/d_nohash_0.wav\n")
    sets = data.load("speech_commands", folder=tmp_path)
    assert [part.group.tolist() for part in (sets.train, sets.valid, sets.test)] == [["a"], ["b"], ["c"]]  # type: ignore[union-attr]
    (words / "yes" / "a_nohash_0.wav").write_bytes(b"no sound")
    with pytest.raises(FileFormatError, match="not a sound file"):
        sets.train[0]


def test_a_clip_takes_the_memory_of_its_sound_whatever_the_archive_claims(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "speech_commands" / "clips.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for k, speaker in enumerate("abc"):
            sound = io.BytesIO()
            soundfile.write(sound, np.full(160, 0.25 * k), 16000, format="FLAC")
            archive.writestr(f"yes/{speaker}_nohash_0.flac", sound.getvalue())
    payload = bytearray(path.read_bytes())
    for entry in re.finditer(rb"PK\x01\x02", bytes(payload)):
        payload[entry.start() + 20 : entry.start() + 24] = (2**30).to_bytes(4, "little")  # the packed size
    path.write_bytes(payload)
    sets = data.load("speech_commands", folder=tmp_path, verify=False)
    tracemalloc.start()
    try:
        found = sorted(float(part[0][0].mean()) for part in (sets.train, sets.valid, sets.test))
        assert tracemalloc.get_traced_memory()[1] < 2**27
    finally:
        tracemalloc.stop()
    assert found == [0.0, 0.25, 0.5]
