"""Recorded spike trains become a stimulus: neo, pynapple, NWB; objects and files."""

from __future__ import annotations

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
    block.segments.append(neo.Segment())
    with pytest.raises(ShapeError, match="2 segments"):
        rv.SpikeTrains.from_neo(block)
    with pytest.raises(ShapeError, match="int"):
        rv.SpikeTrains.from_neo([3])


def test_pynapple(tmp_path) -> None:
    nap = pytest.importorskip("pynapple")
    group = nap.TsGroup({k: nap.Ts(t / 1000) for k, t in enumerate(TRAINS)}, time_support=nap.IntervalSet(0, 1))
    check(rv.SpikeTrains.from_pynapple(group))
    assert rv.SpikeTrains.from_pynapple(nap.Ts(TRAINS[0] / 1000)).shape == (1,)
    group.save(str(tmp_path / "group.npz"))
    assert len(rv.SpikeTrains.from_pynapple(tmp_path / "group.npz").who) == 5
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
    with pytest.raises(FileFormatError, match="cannot be read as NWB"):
        rv.SpikeTrains.from_nwb(broken)
