"""The large sets, from small files in the folders that tonic makes; nothing is fetched."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from ranvier import data
from ranvier.errors import FileFormatError

CHANNEL = np.array([3, 699, 0], np.uint16)


def write_spoken(path: Path, samples: int) -> None:
    h5py = pytest.importorskip("h5py")
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        times = file.create_dataset("spikes/times", (samples,), h5py.vlen_dtype(np.float16))
        units = file.create_dataset("spikes/units", (samples,), h5py.vlen_dtype(np.uint16))
        for k in range(samples):
            times[k], units[k] = np.array([0.5, 0.25, 0.0625 * (k % 4)], np.float16), CHANNEL
        file["labels"] = (np.arange(samples) % 20).astype(np.uint16)
        file["extra/speaker"] = (np.arange(samples) % 6).astype(np.uint16)
        file["extra/keys"] = np.array([b"a", b"b"])


def test_shd_is_divided_by_speaker(tmp_path: Path) -> None:
    write_spoken(tmp_path / "SHD" / "shd_train.h5", 60)
    write_spoken(tmp_path / "SHD" / "shd_test.h5", 12)
    sets = data.load("shd", folder=tmp_path)
    assert len(sets.train) + len(sets.valid) == 60
    assert len(sets.valid) in (10, 20)
    assert not set(sets.train.group) & set(sets.valid.group)  # type: ignore[arg-type]
    x, y = sets.test[2]
    assert x.shape == (100, 700)
    assert x.nonzero().tolist() == [[12, 0], [25, 699], [50, 3]]
    assert int(y) == 2


def test_ssc_has_three_files(tmp_path: Path) -> None:
    for part, samples in (("train", 5), ("valid", 4), ("test", 3)):
        write_spoken(tmp_path / "SSC" / f"ssc_{part}.h5", samples)
    sets = data.load("ssc", folder=tmp_path)
    assert tuple(map(len, (sets.train, sets.valid, sets.test))) == (5, 4, 3)


def test_nmnist_in_its_five_byte_events(tmp_path: Path) -> None:
    for part in ("Train", "Test"):
        for label in range(10):
            folder = tmp_path / "NMNIST" / part / str(label)
            folder.mkdir(parents=True)
            for k in range(10):  # x=label, y=5, on, 15 ms
                time = 15_000
                (folder / f"{k:05}.bin").write_bytes(
                    bytes([label, 5, 0x80 | time >> 16, time >> 8 & 255, time & 255]) * 2
                )
    sets = data.load("nmnist", folder=tmp_path)
    assert tuple(map(len, (sets.train, sets.valid, sets.test))) == (90, 10, 100)
    x, y = sets.test[35]
    assert x.shape == (30, 2, 34, 34)
    assert x.nonzero().tolist() == [[0, 1, 5, int(y)]]
    assert x.max() == 2


def test_gestures_are_divided_by_subject(tmp_path: Path) -> None:
    for part, users in (("Train", (1, 2, 3)), ("Test", (24,))):
        for user in users:
            folder = tmp_path / "DVSGesture" / f"ibmGesture{part}" / f"user{user:02}_led"
            folder.mkdir(parents=True)
            for label in (0, 10):
                np.save(folder / f"{label}.npy", np.array([[1, 2, 1, 10], [127, 127, 0, 30]], np.float64))  # x y p t
    sets = data.load("dvs_gesture", folder=tmp_path)
    assert tuple(map(len, (sets.train, sets.valid, sets.test))) == (4, 2, 2)
    assert sets.test[0][0].nonzero().tolist() == [[0, 1, 0, 0], [19, 0, 31, 31]]


def test_cifar10_dvs_in_aedat4(tmp_path: Path, data_folder) -> None:
    pytest.importorskip("aedat", reason="aedat is not installed; the extra `data` holds it")
    sample = (data_folder("event_files") / "sample.aedat4").read_bytes()
    for k in range(10):
        folder = tmp_path / "CIFAR10DVS" / "frog"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"cifar10_frog_{k}.aedat4").write_bytes(sample)
    sets = data.load("cifar10_dvs", folder=tmp_path)
    assert tuple(map(len, (sets.train, sets.valid, sets.test))) == (8, 1, 1)
    assert sets.test.target.tolist() == [6]
    with pytest.raises(FileFormatError, match="x=319"):  # the sample is of another camera: noticed, not cut
        sets.test[0]


def test_nothing_is_fetched_unasked_or_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tonic = pytest.importorskip("tonic", reason="tonic is not installed; the extra `data-gpl` holds it")

    def fetched(self) -> None:
        raise RuntimeError("fetched")

    monkeypatch.setattr(tonic.datasets.SHD, "download", fetched)
    monkeypatch.delenv("RANVIER_OFFLINE", raising=False)
    with pytest.raises(data.DataError, match="download=False"):
        data.load("shd", folder=tmp_path)
    with pytest.raises(RuntimeError, match="fetched"):
        data.load("shd", folder=tmp_path, download=True)
    monkeypatch.setenv("RANVIER_OFFLINE", "1")
    with pytest.raises(data.DataError, match="RANVIER_OFFLINE"):
        data.load("shd", folder=tmp_path, download=True)


def test_spoken_spikes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "SHD" / "shd_train.h5"
    write_spoken(tmp_path / "SHD" / "shd_test.h5", 12)

    def refused(message: str, name: str, values: object, dtype: object = None) -> None:
        write_spoken(path, 12)
        with h5py.File(path, "r+") as file:
            del file[name]
            file.create_dataset(name, data=values, dtype=dtype)
        with pytest.raises(FileFormatError, match=message):
            data.load("shd", folder=tmp_path)

    refused("labels up to 20; there are 20 classes", "labels", np.full(12, 20))
    refused("differ in number", "extra/speaker", np.arange(11))
    refused("not whole numbers", "labels", np.full(12, 0.5))
    refused("not lists of real numbers", "spikes/times", np.zeros(12))
    for values, message in (([0.5, np.nan, 0.5], "not finite"), ([0.5], "more times than units, or fewer")):
        times = np.empty(12, object)
        times[:] = [np.array(values, np.float16)] * 12
        refused(message, "spikes/times", times, h5py.vlen_dtype(np.float16))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(FileFormatError, match=r"shd_train\.h5 cannot be read"):
        data.load("shd", folder=tmp_path)


def test_gestures_that_are_none_are_refused(tmp_path: Path) -> None:
    for part in ("Train", "Test"):
        folder = tmp_path / "DVSGesture" / f"ibmGesture{part}" / "user01_led"
        folder.mkdir(parents=True)
        for k, table in enumerate(
            (np.array([[1, 2, 1, np.nan]]), np.array([[1, 200, 1, 3.0]]), np.zeros((2, 3)), np.array([{}]))
        ):
            np.save(folder / f"{k}.npy", table, allow_pickle=True)
    from ranvier.data.request import Request
    from ranvier.data.sets._cameras import _gestures

    samples = _gestures("Train", Request((tmp_path,)))
    for k, message in enumerate(("finite", "y=200", r"shape \(2, 3\)", "Python objects")):
        with pytest.raises(FileFormatError, match=message):
            samples[k]


def test_tonic_is_named_with_its_licence_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANVIER_OFFLINE", raising=False)
    monkeypatch.setitem(sys.modules, "tonic.datasets", None)
    monkeypatch.setitem(sys.modules, "tonic", None)
    with pytest.raises(data.DataError, match=r"GPL-3\.0.*ranvier\[data-gpl\]"):
        data.load("shd", folder=tmp_path, download=True)
