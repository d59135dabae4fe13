"""Records: chosen cells, own intervals, weights, folders in Zarr format."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.errors import DimensionError, FileFormatError, ShapeError
from ranvier.network import GraphError
from ranvier.network.recording import GrowingArray, Layout, MemoryRows, RecordedArray
from ranvier.units import ms, mV, second


def test_a_folder_holds_what_memory_would(full: Callable, record: dict, same: Callable, tmp_path: Path) -> None:
    streamed = full().run(300 * ms, stream=0, record=record, to=tmp_path / "out.zarr")
    kept = full().run(300 * ms, stream=0, record=record)
    same(streamed, kept)
    records = rv.load_records(tmp_path / "out.zarr")
    assert list(records) == ["exc", "inh", "plastic"]
    np.testing.assert_array_equal(records["exc"].v, kept["exc"].v)
    np.testing.assert_array_equal(records["exc"].times_of("v"), kept["exc"].times_of("v"))
    assert records["exc"].spikes.rate() == kept["exc"].spikes.rate()


def test_a_recording_of_any_name_is_read(tmp_path: Path) -> None:
    net = rv.Network(dt=1 * ms, seed=1)
    net.population("5HT", 3, rv.LIF(V_th=1.0))
    run = net.run(4 * ms, record={"5HT": ["v"]}, to=tmp_path / "out.zarr")
    np.testing.assert_array_equal(rv.load_records(tmp_path / "out.zarr")["5HT"].v, run["5HT"].v)
    with pytest.raises(FileFormatError, match="nothing' does not exist: give the folder of a recording"):
        rv.load_records(tmp_path / "nothing")


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
    for k, duration in enumerate((10_000 * ms, 20_000 * ms)):
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
    @given(
        pieces=st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=12),
        width=st.integers(1, 5),
        packed=st.booleans(),
    )
    def test_rows_come_back(self, tmp_path_factory, pieces: list, width: int, packed: bool) -> None:
        layout = Layout(np.dtype("<f4"), (width,), 4, min(width, 2), packed)
        array = GrowingArray.create(tmp_path_factory.mktemp("array") / "x", layout.dtype, layout.shape, layout)
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

    def test_a_chunk_of_another_length_is_named(self, tmp_path: Path) -> None:
        array = GrowingArray.create(tmp_path / "x", np.dtype(np.float32), (3,))
        array.append(np.zeros((10, 3)))
        array.commit()
        chunk = tmp_path / "x" / "0.0"
        chunk.write_bytes(chunk.read_bytes()[:-4])
        with pytest.raises(FileFormatError, match="too few or too many"):
            GrowingArray.open(tmp_path / "x").read()


INDICES = [
    slice(None), slice(3, 7), slice(9, 2, -3), slice(1, None, 5), slice(50, 60), 0, -1, np.int64(4), [3, -1, 3], [],
    np.array([8, 2]), Ellipsis, (slice(2, 9), 1), (slice(None), slice(6, 1, -2)), (slice(None), [4, 0, 4]), (-2, slice(1, 3)),
    (5, 6), ([1, 2], [3, 4]), (slice(None), slice(3, 3)), np.arange(23) % 3 == 0, (None, slice(2)), (slice(4, 9), -1),
    ([[1, 2], [3, 4]],), (),
]  # fmt: skip


class TestRecordedArray:
    @pytest.fixture(params=[(), (7,), (7, 2, 3)], ids=str)
    def pair(self, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[RecordedArray, np.ndarray]:
        expected = np.random.default_rng(1).random((23, *request.param))
        layout = Layout(np.dtype("<f8"), request.param, 4, 2 if len(request.param) == 1 else 7, False)
        array = GrowingArray.create(tmp_path / "x", layout.dtype, layout.shape, layout)
        array.append(np.concatenate([expected, expected[:1]]))
        array.commit()
        return RecordedArray(GrowingArray.open(tmp_path / "x"), 23), expected

    @pytest.mark.parametrize("index", INDICES, ids=str)
    def test_an_index_gives_what_numpy_gives(self, pair: tuple, index: object) -> None:
        found, expected = pair
        if isinstance(index, tuple) and len([k for k in index if k is not None]) > expected.ndim:
            with pytest.raises(IndexError):
                found[index]
            return
        np.testing.assert_array_equal(found[index], expected[index])
        assert found[index].shape == expected[index].shape

    def test_it_calculates_as_an_array(self, pair: tuple) -> None:
        found, expected = pair
        assert (found.shape, found.dtype, found.ndim, len(found)) == (expected.shape, expected.dtype, expected.ndim, 23)
        for calculate in (
            lambda v: v.mean(0), lambda v: v.T, lambda v: 2 * v + v, np.exp, np.diff, lambda v: np.concatenate([v, v]), list,
        ):  # fmt: skip
            np.testing.assert_array_equal(calculate(found), calculate(expected))
        with pytest.raises(IndexError, match="out of bounds"):
            found[23]
        assert not hasattr(found, "__array_interface__")


def test_a_slice_reads_its_chunks_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = rv.Network(dt=0.1 * ms, seed=1)
    net.population(
        "cells", 3000, rv.Cell("dv/dt = (2 - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0", v=rv.Uniform(0, 1))
    )
    kept = net.run(100 * ms, stream=0, record={"cells": ["v"]})["cells"].v
    net.run(100 * ms, stream=0, record={"cells": ["v"]}, to=tmp_path / "out.zarr")
    read, real = [], Layout.decode
    monkeypatch.setattr(Layout, "decode", lambda layout, path: read.append(path.name) or real(layout, path))
    v = rv.load_records(tmp_path / "out.zarr")["cells"].v
    chunks = len([p for p in (tmp_path / "out.zarr" / "cells" / "v").iterdir() if not p.name.startswith(".")])
    np.testing.assert_array_equal(v[400:500], kept[400:500])
    assert 0 < len(read) <= 2 * v._source.layout.abreast < chunks / 1.4
    read.clear()
    np.testing.assert_array_equal(v[:, 1234], kept[:, 1234])
    assert 0 < len(read) <= chunks / v._source.layout.abreast


def test_a_record_of_version_0_1_0_is_read(tmp_path: Path) -> None:
    """Its chunks hold whole rows, packed."""
    layout = Layout(np.dtype("<f4"), (5,), 4, 5, True)
    array = GrowingArray.create(tmp_path / "n" / "v", layout.dtype, layout.shape, layout)
    rows = np.random.default_rng(0).random((10, 5), dtype=np.float32)
    array.append(rows)
    array.commit()
    about = {"format": "ranvier recording", "version": 1, "dt": 0.5, "first": 0, "steps": 10}
    parts = {"n": {"size": 5, "spikes": False, "stride": {"v": 1}}}
    (tmp_path / ".zattrs").write_text(json.dumps({**about, "parts": parts}))
    np.testing.assert_array_equal(rv.load_records(tmp_path)["n"].v, rows)


def test_populations_of_many_axes_are_streamed(tmp_path: Path) -> None:
    net = rv.Network(dt=1 * ms)
    net.population("image", (2, 3, 4), rv.Cell("dv/dt = (2 - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0"))
    kept = net.run(20 * ms, record={"image": ["v", "spikes"]})
    run = net.run(20 * ms, record={"image": ["v", "spikes"]}, to=tmp_path / "out.zarr")
    np.testing.assert_array_equal(run["image"].v, kept["image"].v)
    np.testing.assert_array_equal(rv.load_records(tmp_path / "out.zarr")["image"].v[3:9, 1], kept["image"].v[3:9, 1])


class TestMemoryRows:
    @pytest.mark.parametrize("expected", [None, 0, 300, 4000])
    def test_rows_come_back(self, expected: int | None) -> None:
        rows, count = MemoryRows(np.float32, (3,), expected), 30_000
        every = np.random.default_rng(1).random((count, 3)).astype(np.float32)
        for low in range(0, count, 777):
            rows.append(every[low : low + 777])
            if low == 7770:
                np.testing.assert_array_equal(rows.whole(), every[:8547])
        np.testing.assert_array_equal(rows.whole(), every)
        assert rows.rows == count

    def test_large_arrays_are_taken_as_they_are(self) -> None:
        one, other = (np.arange(count, dtype=np.int64) for count in (20_000, 9_000))
        rows = MemoryRows(np.int64, ())
        rows.append(one)
        assert np.shares_memory(rows.whole(), one)
        for more in (other, other[:5], other.astype(np.int32), one):
            rows.append(more)
        np.testing.assert_array_equal(rows.whole(), np.concatenate([one, other, other[:5], other, one]))
        assert rows.rows == len(rows.whole())

    def test_a_result_takes_its_place_in_memory_only(self) -> None:
        net = rv.Network(dt=0.1 * ms, seed=1)
        net.population(
            "cells", 500, rv.Cell("dv/dt = (2 - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0", v=rv.Uniform(0, 1))
        )
        net.bounds = replace(net.bounds, dense=500_000)
        net.run(1 * ms, record={"cells": ["v"]})
        tracemalloc.start()
        run = net.run(1 * second, record={"cells": ["v"]})
        size, peak = run["cells"].v.nbytes, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert size == 20_000_000
        assert peak < 1.1 * size


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "ranvier recording", "version": 1}',
                                  '{"format": "ranvier recording", "version": 1, "dt": 1, "first": 0, "steps": 1, "parts": {"../x": {}}}'])  # fmt: skip
def test_hostile_folders_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / ".zattrs").write_text(text)
    with pytest.raises(FileFormatError):
        rv.load_records(tmp_path)
    with pytest.raises(FileFormatError):
        rv.load_records(tmp_path / "none")
