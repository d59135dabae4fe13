"""Recorded spike trains from the objects and files of neo, pynapple and NWB."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ranvier.errors import RanvierError, ShapeError
from ranvier.network.stimuli._trains_in_files import Trains, neo_file, nwb_file, pynapple_file

__all__ = ["trains_of_neo", "trains_of_nwb", "trains_of_pynapple"]


def trains_of_neo(recording: Any) -> Trains:
    """From a ``neo.SpikeTrain``, a list of them, a ``Segment``, a ``Block``, or a file that neo reads."""
    if isinstance(recording, str | os.PathLike):
        return neo_file(recording)
    neo = _package("neo")
    if isinstance(recording, neo.SpikeTrain):
        found = [recording]
    elif isinstance(recording, neo.Segment):
        found = list(recording.spiketrains)
    elif isinstance(recording, neo.Block):
        if len(recording.segments) > 1:
            raise ShapeError(
                f"the block holds {len(recording.segments)} segments: give one of them, such as block.segments[0]."
            )
        found = [train for segment in recording.segments for train in segment.spiketrains]
    else:
        found = list(recording) if isinstance(recording, Sequence) or hasattr(recording, "__iter__") else [recording]
    wrong = [train for train in found if not isinstance(train, neo.SpikeTrain)]
    if wrong:
        raise ShapeError(f"from_neo got {type(wrong[0]).__name__}: give spike trains, a segment, a block or a file.")
    return [np.asarray(train.rescale("ms").magnitude, np.float64) for train in found]


def trains_of_pynapple(recording: Any) -> Trains:
    """From a pynapple ``TsGroup`` or ``Ts``, or an ``.npz`` file that pynapple wrote."""
    if isinstance(recording, str | os.PathLike):
        return pynapple_file(recording)
    nap = _package("pynapple")
    if isinstance(recording, nap.TsGroup):
        return [np.asarray(recording[n].times("ms"), np.float64) for n in recording]
    if isinstance(recording, nap.Ts):
        return [np.asarray(recording.times("ms"), np.float64)]
    raise ShapeError(f"from_pynapple got {type(recording).__name__}: give a TsGroup, a Ts or a file.")


def trains_of_nwb(recording: Any) -> Trains:
    """From the units table of an ``NWBFile``, such a table itself, or a file in Neurodata Without Borders format."""
    if isinstance(recording, str | os.PathLike):
        return nwb_file(recording)
    pynwb = _package("pynwb")
    units = recording.units if isinstance(recording, pynwb.NWBFile) else recording
    if not isinstance(units, pynwb.misc.Units) or "spike_times" not in units.colnames:
        raise ShapeError("the NWB file holds no units with spike times: give one with sorted units.")
    return [1000 * np.asarray(units.get_unit_spike_times(k), np.float64) for k in range(len(units))]


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise RanvierError(f"reading this recording needs {name}: pip install 'ranvier[neuro]'") from error
