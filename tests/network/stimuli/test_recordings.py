"""Recorded spike trains become a stimulus: neo, pynapple, NWB; objects and files."""

from __future__ import annotations

import os
import pickle
from datetime import UTC, datetime

import numpy as np
import pytest

import ranvier as rv
from ranvier.errors import FileFormatError, ShapeError
from ranvier.units import ms

TRAINS = [np.array([1.0, 7.5, 30.2]), np.array([]), np.array([3.2, 30.2])]


def check(source: rv.SpikeTrains, start: float = 0.0) -> None:
    """The spikes of TRAINS at a step of 0.1 ms."""
    net = rv.Network(dt=0.1 * ms)
    net.source("source", source)
    dense = source.block(0, 400, net)[:, 0]
    assert dense.shape == (400, 3)
    for cell, train in enumerate(TRAINS):
        steps = np.flatnonzero(dense[:, cell].numpy())
        np.testing.assert_array_equal(steps, np.rint((train - start) / 0.1).astype(int) - 1)


def test_plain_times() -> None:
    check(rv.SpikeTrains.from_times(TRAINS))
    check(rv.SpikeTrains.from_times(TRAINS, start=0.5), 0.5)
    with pytest.raises(ShapeError, match="no spike train"):
        rv.SpikeTrains.from_times([])


def test_neo(tmp_path) -> None:
    neo, pq = pytest.importorskip("neo"), pytest.importorskip("quantities")
    trains = [neo.SpikeTrain(t / 1000 * pq.s, t_stop=1 * pq.s) for t in TRAINS]
    segment, block = neo.Segment(), neo.Block()
    segment.spiketrains.extend(trains)
    block.segments.append(segment)
    for given in (trains, segment, block):
        check(rv.SpikeTrains.from_neo(given))
    assert rv.SpikeTrains.from_neo(trains[0]).shape == (1,)
    neo.io.PickleIO(str(tmp_path / "block.pkl")).write_block(block)
    with pytest.raises(FileFormatError, match="pickle"):
        rv.SpikeTrains.from_neo(tmp_path / "block.pkl")
    with pytest.raises(FileFormatError, match="does not exist"):
        rv.SpikeTrains.from_neo(tmp_path / "none.nix")
    neo.io.NeoMatlabIO(str(tmp_path / "block.mat")).write_block(block)
    check(rv.SpikeTrains.from_neo(tmp_path / "block.mat"))
    with pytest.raises(FileFormatError, match="a folder: give the name of a recording; of a folder"):
        rv.SpikeTrains.from_neo(tmp_path)
    block.segments.append(neo.Segment())
    with pytest.raises(ShapeError, match="2 segments"):
        rv.SpikeTrains.from_neo(block)
    neo.io.NeoMatlabIO(str(tmp_path / "two.mat")).write_block(block)
    with pytest.raises(ShapeError, match="2 segments"):
        rv.SpikeTrains.from_neo(tmp_path / "two.mat")
    with pytest.raises(ShapeError, match="int"):
        rv.SpikeTrains.from_neo([3])


def test_pynapple(tmp_path) -> None:
    nap = pytest.importorskip("pynapple")
    group = nap.TsGroup({k: nap.Ts(t / 1000) for k, t in enumerate(TRAINS)}, time_support=nap.IntervalSet(0, 1))
    check(rv.SpikeTrains.from_pynapple(group))
    assert rv.SpikeTrains.from_pynapple(nap.Ts(TRAINS[0] / 1000)).shape == (1,)
    group.save(str(tmp_path / "group.npz"))
    check(rv.SpikeTrains.from_pynapple(tmp_path / "group.npz"))
    nap.Ts(TRAINS[0] / 1000).save(str(tmp_path / "one.npz"))
    assert rv.SpikeTrains.from_pynapple(tmp_path / "one.npz").when.tolist() == TRAINS[0].tolist()
    with pytest.raises(ShapeError, match="dict"):
        rv.SpikeTrains.from_pynapple({})


def test_nwb(tmp_path) -> None:
    pynwb = pytest.importorskip("pynwb")
    file = pynwb.NWBFile("trains", "id", datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(ShapeError, match="no units"):
        rv.SpikeTrains.from_nwb(file)
    for train in TRAINS:
        file.add_unit(spike_times=train / 1000)
    check(rv.SpikeTrains.from_nwb(file))
    path = tmp_path / "file.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as handle:
        handle.write(file)
    check(rv.SpikeTrains.from_nwb(path))
    broken = tmp_path / "broken.nwb"
    broken.write_bytes(b"not an HDF5 file")
    with pytest.raises(FileFormatError, match=r"broken\.nwb cannot be read"):
        rv.SpikeTrains.from_nwb(broken)


def test_files_of_pynapple_need_no_package(tmp_path) -> None:
    """As pynapple writes them; what it pickles beside the times is never opened, and may be anything."""

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "marker"),)

    index = np.repeat([3, 7, 9], [len(t) for t in TRAINS])
    group = {
        "type": np.array(["TsGroup"]),
        "t": np.concatenate(TRAINS) / 1000,
        "index": index,
        "keys": np.array([3, 7, 9]),
    }
    path = tmp_path / "group.npz"
    np.savez(path, **group, _metadata=np.array(Evil(), object))
    check(rv.SpikeTrains.from_pynapple(path))
    np.savez(path, **{**group, "type": np.array(["Tsd"])})
    with pytest.raises(ShapeError, match="holds a Tsd"):
        rv.SpikeTrains.from_pynapple(path)
    np.savez(path, **{**group, "t": np.array([Evil()] * 5, object)})
    with pytest.raises(FileFormatError, match="Python objects"):
        rv.SpikeTrains.from_pynapple(path)
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(FileFormatError, match=r"not a readable \.npz file"):
        rv.SpikeTrains.from_pynapple(path)
    for change in ({"index": index[1:]}, {"index": index + 1}, {"t": group["t"] * np.nan}, {"t": group["t"][:, None]}):
        np.savez(path, **{**group, **change})
        with pytest.raises(FileFormatError):
            rv.SpikeTrains.from_pynapple(path)
    assert not (tmp_path / "marker").exists()


def _units(path, times, ends, more=lambda file: None) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["units/spike_times"], file["units/spike_times_index"] = times, ends
        more(file)


def test_files_of_nwb_need_no_pynwb(tmp_path) -> None:
    path, times, ends = tmp_path / "x.nwb", np.concatenate(TRAINS) / 1000, np.cumsum([len(t) for t in TRAINS])
    _units(path, times, ends)
    check(rv.SpikeTrains.from_nwb(path))
    for wrong in (ends + 1, ends[::-1], ends - 4):
        _units(path, times, wrong)
        with pytest.raises(FileFormatError, match="units that end elsewhere"):
            rv.SpikeTrains.from_nwb(path)
    _units(path, times * np.nan, ends)
    with pytest.raises(FileFormatError, match="not a list of finite numbers"):
        rv.SpikeTrains.from_nwb(path)


def test_files_of_nwb_that_point_elsewhere_are_refused(tmp_path) -> None:
    h5py = pytest.importorskip("h5py")
    path, other = tmp_path / "x.nwb", tmp_path / "other.h5"
    _units(other, [0.1], [1])

    def link(file) -> None:
        del file["units/spike_times"]
        file["units/spike_times"] = h5py.ExternalLink(str(other), "units/spike_times")

    def soft(file) -> None:
        del file["units"]
        file["units"] = h5py.SoftLink("/elsewhere")

    def raw(file) -> None:
        del file["units/spike_times"]
        file.create_dataset("units/spike_times", (4,), "f8", external=[("/dev/zero", 0, 32)])

    def virtual(file) -> None:
        del file["units/spike_times"]
        layout = h5py.VirtualLayout((1,), "f8")
        layout[:] = h5py.VirtualSource(str(other), "units/spike_times", (1,))
        file.create_virtual_dataset("units/spike_times", layout)

    for spoil, message in (
        (link, "is a link"),
        (soft, "is a link"),
        (raw, "in another file"),
        (virtual, "in another file"),
    ):
        _units(path, [0.1], [1], spoil)
        with pytest.raises(FileFormatError, match=message):
            rv.SpikeTrains.from_nwb(path)


def test_units_of_a_real_recording(data_folder) -> None:
    pytest.importorskip("h5py")
    trains = rv.SpikeTrains.from_nwb(data_folder("small_spike_trains") / "A8604-211122.nwb")
    assert trains.shape == (3,)
    assert len(trains.who) == 21_354
