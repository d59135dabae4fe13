"""Recordings of spike trains in files of NWB and of what neo reads, damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ranvier as rv
from tests.fuzz.engine import LONG, Target, file_in, withstands
from tests.fuzz.isolated import isolated


def _nwb(folder: Path) -> bytes:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "x.nwb", "w") as file:
        file["units/spike_times"] = np.arange(1, 13) / 10
        file["units/spike_times_index"] = np.array([5, 5, 12], np.uint8)
    return (folder / "x.nwb").read_bytes()


def _packed(folder: Path) -> bytes:
    """The same in chunks, compressed and with checks."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "y.nwb", "w") as file:
        how = {"chunks": (3,), "compression": "gzip", "shuffle": True, "fletcher32": True}
        file.create_dataset("units/spike_times", data=np.arange(1, 13) / 10, **how)
        file.create_dataset("units/spike_times_index", data=np.array([5, 5, 12]), **how)
    return (folder / "y.nwb").read_bytes()


def _block(path: Path) -> Path:
    """Two spike trains in the format that neo writes without further packages."""
    neo = pytest.importorskip("neo", reason="neo is not installed; the extra `neuro` holds it")
    block, segment = neo.Block(), neo.Segment()
    block.segments.append(segment)
    for times in ([1.0, 2.5, 7.0], [3.0]):
        segment.spiketrains.append(neo.SpikeTrain(times, units="ms", t_stop=10.0))
    neo.io.NeoMatlabIO(str(path)).write_block(block)
    return path


def _target(name: str, folder: Path) -> Target:
    if name == "nwb":
        return Target("nwb", [_nwb(folder), _packed(folder)], file_in("x.nwb"), rv.SpikeTrains.from_nwb)
    whole = _block(folder / "x.mat").read_bytes()
    return Target("neo", [whole], file_in("x.mat"), rv.SpikeTrains.from_neo)


@pytest.mark.parametrize("name", ["nwb", "neo"])
def test_damaged_recordings(name: str, tmp_path: Path) -> None:
    withstands(_target(name, tmp_path), 40)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nwb", "neo"])
def test_damaged_recordings_at_length(name: str, tmp_path: Path) -> None:
    with isolated(_target(name, tmp_path)) as target:
        withstands(target, LONG)
