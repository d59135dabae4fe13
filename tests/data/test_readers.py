"""Event files: real recordings of each format, damaged ones, and what has no reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ranvier import data
from ranvier.errors import FileFormatError

Find = Callable[[str], Path]


@pytest.mark.parametrize(
    ("file", "module", "count", "shape", "duration"),
    [
        ("sample.aedat4", "aedat", 111_954, (2, 240, 320), 589_917),
        ("sample_ncars.dat", "numpy", 2009, (2, 42, 78), 99_952),
        ("evt2.raw", "numpy", 521_252, (2, 480, 640), 95_871),
        ("dvs.es", "numpy", 473_225, (2, 240, 320), 999_000),
        ("sample_nmnist.bin", "numpy", 4325, (2, 34, 34), None),
        ("sample_stmnist.mat", "numpy", 2346, (2, 10, 10), None),
    ],
)
def test_real_recordings(
    data_folder: Find, file: str, module: str, count: int, shape: tuple, duration: int | None
) -> None:
    pytest.importorskip(module, reason=f"{module} is not installed; the extra `data` holds it")
    events = data.read_events(data_folder("event_files") / file)
    assert len(events) == count
    assert events.shape == shape
    assert events.t[0] == 0
    assert (np.diff(events.t) >= 0).all()
    assert duration is None or events.t[-1] == duration
    assert data.Bins(10)(events).sum() == count


def test_nmnist_events_are_those_of_its_own_format(data_folder: Find) -> None:
    path = data_folder("event_files") / "sample_nmnist.bin"
    raw = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 5).astype(int)
    time = (raw[:, 2] & 127) << 16 | raw[:, 3] << 8 | raw[:, 4]
    events = data.read_events(path)
    np.testing.assert_array_equal(events.t, time - time[0])
    np.testing.assert_array_equal(events.place, ((raw[:, 2] >> 7) * 34 + raw[:, 1]) * 34 + raw[:, 0])


def _columns(file: str, path: Path) -> tuple[np.ndarray, ...]:
    """t, x, y (from above) and polarity as the library that others read the format with gives them."""
    match file:
        case "sample_ncars.dat" | "evt2.raw":
            wizard = pytest.importorskip("expelliarmus").Wizard(encoding=file[:4] if file == "evt2.raw" else "dat")
            found = wizard.read(path)
            return found["t"], found["x"], found["y"], found["p"]
        case "dvs.es":
            decoder = pytest.importorskip("event_stream").Decoder(str(path))
            found = np.concatenate(list(decoder))
            return found["t"], found["x"], decoder.height - 1 - found["y"].astype(int), found["on"]
        case _:
            kind = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
            found = pytest.importorskip("tonic.io").read_mnist_file(str(path), dtype=kind)
            return found["t"], found["x"], found["y"], found["p"]


@pytest.mark.parametrize("file", ["sample_ncars.dat", "evt2.raw", "dvs.es", "sample_nmnist.bin"])
def test_other_libraries_read_the_same(data_folder: Find, file: str) -> None:
    """They are not dependencies of the package (their licence is the GPL); where one is installed it is a witness."""
    path = data_folder("event_files") / file
    t, x, y, on = (np.asarray(column, np.int64) for column in _columns(file, path))
    events = data.read_events(path)
    order = np.argsort(t, kind="stable")
    np.testing.assert_array_equal(events.t, (t - t.min())[order])
    np.testing.assert_array_equal(events.place, ((on * events.shape[1] + y) * events.shape[2] + x)[order])


def test_the_matlab_reader_against_scipy(data_folder: Find) -> None:
    from scipy.io import loadmat

    from ranvier.data.formats.matlab import read_array

    path = data_folder("event_files") / "sample_stmnist.mat"
    np.testing.assert_array_equal(read_array(path, "spiketrain"), loadmat(path)["spiketrain"])


@pytest.mark.parametrize("suffix", [".aedat4", ".bin", ".mat", ".es", ".dat"])
def test_damaged_files_are_named(tmp_path: Path, suffix: str) -> None:
    if suffix == ".aedat4":
        pytest.importorskip("aedat", reason="aedat is not installed; the extra `data` holds it")
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(b"these are 21 letters.")
    with pytest.raises(FileFormatError, match=f"damaged{suffix}"):
        data.read_events(path)


def test_formats_without_a_reader(tmp_path: Path) -> None:
    (tmp_path / "a.rosbag").write_bytes(b"x")
    (tmp_path / "b.raw").write_bytes(b"% evt 4.0\n")
    with pytest.raises(data.DataError, match=r"no reader for \.rosbag"):
        data.read_events(tmp_path / "a.rosbag")
    (tmp_path / "old.aedat").write_bytes(b"an old recording")
    with pytest.raises(data.DataError, match="save the recording as AEDAT 4"):
        data.read_events(tmp_path / "old.aedat")
    with pytest.raises(data.DataError, match="neither EVT 2 nor EVT 3"):
        data.read_events(tmp_path / "b.raw")
    with pytest.raises(data.DataError, match="no file"):
        data.read_events(tmp_path / "c.dat")
