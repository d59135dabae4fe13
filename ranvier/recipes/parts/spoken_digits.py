"""Spoken digits through the inner ear, once: spikes per millisecond and channel, kept in a file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ranvier._files import make_folder, replace_file
from ranvier.encoding import Cochlea
from ranvier.errors import FileFormatError
from ranvier.limits import read_npz
from ranvier.units import ms

__all__ = ["EAR", "SpikeTable", "hear", "heard"]

#: 128 channels over what an 8 kHz recording holds; all else is as published for the Heidelberg digits.
EAR = Cochlea(channels=128, lowest=120, highest=3900, rate=12000, dt=1 * ms)
_STEPS = 700  # ms; 97 of 100 words are shorter
_TOGETHER = 100


@dataclass(frozen=True)
class SpikeTable:
    """Spikes as three columns [E]: sample, time in ms, channel."""

    sample: np.ndarray
    time: np.ndarray
    channel: np.ndarray

    def binned(self, samples: int, dt: int) -> torch.Tensor:
        """Counts [S, T, channels] per ``dt`` ms."""
        steps = _STEPS // dt
        inside = self.time < steps * dt
        where = (self.sample[inside] * steps + self.time[inside] // dt) * EAR.channels + self.channel[inside]
        counts = np.bincount(where, minlength=samples * steps * EAR.channels)
        return torch.from_numpy(counts.reshape(samples, steps, EAR.channels).astype(np.float32))


def hear(clips: Sequence[np.ndarray], first: int = 0) -> SpikeTable:
    """Spikes of ``clips`` (8 kHz); every hundred of them draw from a seed of their own, counted from number ``first``."""
    parts = []
    for start in range(0, len(clips), _TOGETHER):
        generator = torch.Generator().manual_seed((first + start) // _TOGETHER)
        spikes = EAR(clips[start : start + _TOGETHER], 8000, steps=_STEPS, generator=generator)
        sample, time, channel = np.nonzero(spikes.numpy().transpose(1, 0, 2))
        parts.append((sample + first + start, time, channel))
    return SpikeTable(*(np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)))


def heard(path: Path, clips: Sequence[np.ndarray]) -> SpikeTable:
    """The spikes in the file ``path``, or, where there is none, of ``clips``, which are then written to it."""
    if not path.is_file():
        table = hear(clips)
        payload = io.BytesIO()
        np.savez_compressed(payload, sample=table.sample, time=table.time, channel=table.channel)
        replace_file(make_folder(path.parent) / path.name, payload.getvalue())
    found = read_npz(path, ["sample", "time", "channel"])
    if any(column.ndim != 1 or column.dtype.kind not in "iu" for column in found.values()):
        raise FileFormatError(f"{path} holds no spikes: delete it, and they are computed anew.")
    return SpikeTable(found["sample"], found["time"], found["channel"])
