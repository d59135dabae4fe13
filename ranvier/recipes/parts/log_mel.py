"""Log-mel spectra of sound: what a plain classifier of speech sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import signal

__all__ = ["log_mel"]

_RATE, _WINDOW, _HOP, _SIZE = 8000, 200, 80, 256
#: below the loudest point of a clip everything is silence, in nepers
_FLOOR = 8.0


def log_mel(clips: Sequence[np.ndarray], steps: int, bands: int = 40, loudest: float | None = None) -> torch.Tensor:
    """Log energy in ``bands`` of equal width in mel, in windows of 25 ms every 10 ms, above a floor [S, steps, bands].

    The floor lies 8 nepers below ``loudest``, or where it is None below the loudest point of each clip, which is known only once the clip has
    ended.

    mel = 2595·log10(1 + f/700), 100 to 3,900 Hz; 0 is silence. Source: Davis & Mermelstein, IEEE Transactions on Acoustics,
    Speech, and Signal Processing 1980.
    """
    low, high = (2595 * np.log10(1 + f / 700) for f in (100, 3900))
    mel = np.linspace(low, high, bands + 2)
    edges, bins = 700 * (10 ** (mel / 2595) - 1), np.fft.rfftfreq(_SIZE, 1 / _RATE)
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    bank = np.clip(np.minimum(rise, fall), 0, None)
    out = np.zeros((len(clips), steps, bands), np.float32)
    for k, clip in enumerate(clips):
        padded = np.pad(clip, (0, max(0, _WINDOW - len(clip))))
        _, _, spectrum = signal.stft(padded, _RATE, nperseg=_WINDOW, noverlap=_WINDOW - _HOP, nfft=_SIZE, boundary=None)
        energy = np.log(bank @ np.abs(spectrum) ** 2 + 1e-12).T[:steps]
        out[k, : len(energy)] = np.clip(energy - (energy.max() if loudest is None else loudest) + _FLOOR, 0, None)
    return torch.from_numpy(out)
