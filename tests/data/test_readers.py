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
        ("sample_ncars.dat", "expelliarmus", 2009, (2, 42, 78), 99_952),
        ("evt2.raw", "expelliarmus", 521_252, (2, 480, 640), 95_871),
        ("dvs.es", "event_stream", 473_225, (2, 240, 320), 999_000),
        ("sample_nmnist.bin", "tonic", 4325, (2, 34, 34), None),
        ("sample_stmnist.mat", "scipy", 2346, (2, 10, 10), None),
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
    pytest.importorskip("tonic")
    path = data_folder("event_files") / "sample_nmnist.bin"
    raw = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 5).astype(int)
    time = (raw[:, 2] & 127) << 16 | raw[:, 3] << 8 | raw[:, 4]
    events = data.read_events(path)
    np.testing.assert_array_equal(events.t, time - time[0])
    np.testing.assert_array_equal(events.place, ((raw[:, 2] >> 7) * 34 + raw[:, 1]) * 34 + raw[:, 0])


@pytest.mark.parametrize("suffix", [".aedat4", ".bin", ".mat", ".es"])
def test_damaged_files_are_named(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip({".aedat4": "aedat", ".bin": "tonic", ".mat": "scipy", ".es": "event_stream"}[suffix])
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
