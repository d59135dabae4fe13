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

__all__ = ["EAR", "Hearing", "SpikeTable"]

#: 128 channels over what an 8 kHz recording holds; all else is as published for the Heidelberg digits.
EAR = Cochlea(channels=128, lowest=120, highest=3900, rate=12000, dt=1 * ms)


@dataclass(frozen=True)
class SpikeTable:
    """Spikes as three columns [E]: sample, time in ms, channel; of ``channels``, in the first ``steps`` ms."""

    sample: np.ndarray
    time: np.ndarray
    channel: np.ndarray
    steps: int
    channels: int

    def binned(self, samples: int, dt: int) -> torch.Tensor:
        """Counts [S, T, channels] per ``dt`` ms."""
        steps = self.steps // dt
        inside = self.time < steps * dt
        where = (self.sample[inside] * steps + self.time[inside] // dt) * self.channels + self.channel[inside]
        counts = np.bincount(where, minlength=samples * steps * self.channels)
        return torch.from_numpy(counts.reshape(samples, steps, self.channels).astype(np.float32))


@dataclass(frozen=True)
class Hearing:
    """An ear, the ms of a word that it hears (97 of 100 words are shorter), and how many words it hears together."""

    ear: Cochlea = EAR
    steps: int = 700
    together: int = 100

    def hear(self, clips: Sequence[np.ndarray], first: int = 0) -> SpikeTable:
        """Spikes of ``clips`` (8 kHz); words heard together draw from a seed of their own, counted from number ``first``."""
        parts = []
        for start in range(0, len(clips), self.together):
            generator = torch.Generator().manual_seed((first + start) // self.together)
            spikes = self.ear(clips[start : start + self.together], 8000, steps=self.steps, generator=generator)
            sample, time, channel = np.nonzero(spikes.numpy().transpose(1, 0, 2))
            parts.append((sample + first + start, time, channel))
        return self._table(*(np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)))

    def heard(self, path: Path, clips: Sequence[np.ndarray]) -> SpikeTable:
        """The spikes in the file ``path``, or, where there is none, of ``clips``, which are then written to it."""
        if not path.is_file():
            table = self.hear(clips)
            payload = io.BytesIO()
            np.savez_compressed(payload, sample=table.sample, time=table.time, channel=table.channel)
            replace_file(make_folder(path.parent) / path.name, payload.getvalue())
        found = read_npz(path, ["sample", "time", "channel"])
        if any(column.ndim != 1 or column.dtype.kind not in "iu" for column in found.values()):
            raise FileFormatError(f"{path} holds no spikes: delete it, and they are computed anew.")
        return self._table(found["sample"], found["time"], found["channel"])

    def _table(self, sample: np.ndarray, time: np.ndarray, channel: np.ndarray) -> SpikeTable:
        return SpikeTable(sample, time, channel, self.steps, self.ear.channels)
