"""Records: chosen cells, own intervals, weights, folders in Zarr format."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.errors import DimensionError, FileFormatError, ShapeError
from ranvier.network import GraphError
from ranvier.network.recording._zarr import GrowingArray
from ranvier.units import ms, mV


def test_a_folder_holds_what_memory_would(full: Callable, record: dict, same: Callable, tmp_path: Path) -> None:
    streamed = full().run(300 * ms, stream=0, record=record, to=tmp_path / "out.zarr")
    kept = full().run(300 * ms, stream=0, record=record)
    same(streamed, kept)
    records = rv.load_records(tmp_path / "out.zarr")
    assert list(records) == ["exc", "inh", "plastic"]
    np.testing.assert_array_equal(records["exc"].v, kept["exc"].v)
    np.testing.assert_array_equal(records["exc"].times_of("v"), kept["exc"].times_of("v"))
    assert records["exc"].spikes.rate() == kept["exc"].spikes.rate()


def test_zarr_reads_it(full: Callable, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    run = full().run(300 * ms, stream=0, record={"exc": ["spikes", "v"]}, to=tmp_path / "out.zarr")
    group = zarr.open_group(str(tmp_path / "out.zarr"), mode="r")
    np.testing.assert_array_equal(group["exc/v"][:], run["exc"].v)
    np.testing.assert_array_equal(group["exc/spikes/step"][:], run["exc"].spikes.step)
    assert group.attrs["dt"] == 0.5


def test_samples_are_rows_and_columns_of_the_whole(full: Callable) -> None:
    asked = {"exc": [rv.Sample("v", [3, 0, 3], every=2 * ms), "g"], "plastic": [rv.Sample("w", [5, 1], every=3.5 * ms)]}
    some = full(dtype=torch.float64).run(60 * ms, stream=0, record=asked, every=3 * ms)
    whole = full(dtype=torch.float64).run(
        60 * ms, stream=0, record={"exc": ["v", "g"], "plastic": ["w"]}, every=0.5 * ms
    )
    np.testing.assert_allclose(some["exc"].v, whole["exc"].v[3::4][:, [3, 0, 3]], rtol=1e-9)
    np.testing.assert_allclose(some["exc"].g, whole["exc"].g[5::6], rtol=1e-9)
    np.testing.assert_allclose(some["plastic"].w, whole["plastic"].w[6::7][:, [5, 1]], rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(some["exc"].times_of("v"), np.arange(2, 61, 2))
    np.testing.assert_allclose(some["plastic"].times_of("w"), np.arange(3.5, 60, 3.5))
    with pytest.raises(AttributeError, match="different intervals"):
        some["exc"].times
    with pytest.raises(AttributeError, match="not recorded"):
        some["exc"].times_of("q")


def test_streaming_does_not_grow_memory(tmp_path: Path) -> None:
    net, peaks = rv.Network(dt=0.5 * ms), []
    cell = rv.Cell("dv/dt = -v/ms + 1/ms : 1\ng = v : 1", threshold="v > 0.5", reset="v = 0", v=rv.Uniform(0, 1))
    net.population("exc", 33, cell)
    net.run(100 * ms, stream=0, record={"exc": ["v", "g", "spikes"]}, to=tmp_path / "warm.zarr")
    for k, duration in enumerate((5000 * ms, 20_000 * ms)):
        tracemalloc.start()
        net.run(duration, stream=0, record={"exc": ["v", "g", "spikes"]}, every=0.5 * ms, to=tmp_path / f"{k}.zarr")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0] + 1e6  # 11 MB were recorded in the second


@pytest.mark.parametrize(
    ("record", "error", "says"),
    [
        ({"exc": [rv.Sample("v"), "v"]}, GraphError, "twice"),
        ({"exc": [rv.SpikeStatistics(), rv.SpikeStatistics()]}, GraphError, "twice"),
        ({"exc": [3]}, GraphError, "holds 3"),
        ({"exc": [rv.Sample("q")]}, GraphError, "cannot record 'q'"),
        ({"exc": [rv.Sample("v", [33])]}, ShapeError, "33.*0 to 32"),
        ({"exc": [rv.Sample("v", [-1])]}, ShapeError, "-1"),
        ({"exc": [rv.Sample("v", every=1 * mV)]}, DimensionError, "every"),
        ({"plastic": [rv.SpikeStatistics()]}, GraphError, "spikes"),
    ],
)
def test_requests_that_cannot_be(full: Callable, record: dict, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        full().run(1 * ms, stream=0, record=record)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: rv.Sample("spikes"), ShapeError),
        (lambda: rv.Sample("v", [0.5]), ShapeError),
        (lambda: rv.SpikeStatistics(bin=0 * ms), DimensionError),
        (lambda: rv.SpikeStatistics(window=1 * mV), DimensionError),
        (lambda: rv.SpikeStatistics(cells=0), ShapeError),
    ],
)
def test_recorders_check_what_they_are_given(make: Callable, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


class TestGrowingArray:
    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(pieces=st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=12), width=st.integers(1, 3))
    def test_rows_come_back(self, tmp_path_factory, pieces: list, width: int) -> None:
        array = GrowingArray.create(tmp_path_factory.mktemp("array") / "x", np.dtype(np.float32), (width,))
        array.chunk = 4
        array._describe(0)
        expected, committed = np.empty((0, width), np.float32), 0
        for rows, commit in pieces:
            more = np.random.default_rng(len(expected)).random((rows, width), dtype=np.float32)
            array.append(more)
            expected = np.concatenate([expected, more])
            if commit:
                array.commit()
                committed = len(expected)
            np.testing.assert_array_equal(GrowingArray.open(array.folder).read(), expected[:committed])
        kept = committed // 2
        again = GrowingArray.open(array.folder, kept)
        again.append(expected[kept:])
        again.commit()
        np.testing.assert_array_equal(GrowingArray.open(array.folder).read(), expected)

    def test_damage_is_named(self, tmp_path: Path) -> None:
        array = GrowingArray.create(tmp_path / "x", np.dtype(np.int64), ())
        array.append(np.arange(10))
        array.commit()
        with pytest.raises(FileFormatError, match="10 rows instead of 11"):
            GrowingArray.open(tmp_path / "x", 11)
        (tmp_path / "x" / "0").write_bytes(b"damaged")
        with pytest.raises(FileFormatError, match="damaged"):
            GrowingArray.open(tmp_path / "x").read()
        (tmp_path / "x" / ".zarray").write_text("{}")
        with pytest.raises(FileFormatError, match="no recorded array"):
            GrowingArray.open(tmp_path / "x")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "ranvier recording", "version": 1}',
                                  '{"format": "ranvier recording", "version": 1, "dt": 1, "first": 0, "steps": 1, "parts": {"../x": {}}}'])  # fmt: skip
def test_hostile_folders_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / ".zattrs").write_text(text)
    with pytest.raises(FileFormatError):
        rv.load_records(tmp_path)
    with pytest.raises(FileFormatError):
        rv.load_records(tmp_path / "none")
