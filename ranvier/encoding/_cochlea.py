"""An artificial inner ear: sound to the spikes of bushy cells along the basilar membrane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy import fft

from ranvier.encoding._basilar_membrane import BasilarMembrane
from ranvier.encoding._checks import step_count
from ranvier.encoding._hair_cells import HairCells
from ranvier.encoding.bushy_cells import BushyCells, Nerve
from ranvier.errors import RanvierError, ShapeError
from ranvier.limits import need
from ranvier.units import ms, strip
from ranvier.units.steps import nearest_steps, steps_in

__all__ = ["Cochlea"]

Tensor = torch.Tensor
_ELEMENTS = 2**27  # of the velocity held at once
#: bytes that one number of the velocity takes in all its copies, and one of the wave of a clip in its transforms
_PER_VELOCITY, _PER_WAVE = 12, 16
_BLOCK = 64  # samples whose release is computed at once
_RINGING = 0.05  # seconds for the last wave to pass


@dataclass(frozen=True)
class Cochlea:
    """Sound → basilar membrane → hair cells → nerve fibres → bushy cells: spikes [T, B, channels].

    Every clip is scaled to ``level`` (root mean square) and faded in and out; each place of the membrane drives one hair
    cell and that, through ``bushy.fibres`` fibres, one bushy cell.

    Parameters
    ----------
    channels
        Places, equally spaced along the membrane from base (channel 0, high) to apex (low).
    lowest, highest
        Characteristic frequencies of both ends in Hz.
    dt
        Length of an output step; an output element counts the spikes of one channel in one step.
    rate
        Internal steps per second, above 9080; sound above half of it is left out.
    level
        Root mean square of a clip on the membrane; None leaves the sound as it is.
    fade
        Time at either end of a clip in which half a Hann window lifts and lowers it; None for a window of the whole
        clip, as the Heidelberg digits were made.
    causal
        True: places answer after the sound, low ones later. False: with the sign of phase that the Heidelberg digits
        were made with, where they answer before it.
    membrane, hair, bushy
        The three parts with their constants.

    Source: Cramer, Stradmann, Schemmel & Zenke, IEEE TNNLS 2020, doi:10.1109/TNNLS.2020.3044364.

    Examples
    --------
    >>> ear = rv.encoding.Cochlea(channels=70, dt=1*ms)
    >>> spikes = ear(torch.randn(2, 800), 8000)  # two clips of 100 ms
    >>> spikes.shape
    torch.Size([100, 2, 70])
    """

    channels: int = 700
    lowest: float = 110.3
    highest: float = 22508.0
    dt: Any = 1 * ms
    rate: float = 24000.0
    level: float | None = 0.3
    fade: Any = None
    causal: bool = True
    membrane: BasilarMembrane = field(default_factory=BasilarMembrane)
    hair: HairCells = field(default_factory=HairCells)
    bushy: BushyCells = field(default_factory=BushyCells)

    def __post_init__(self) -> None:
        ends = self.membrane.characteristic(np.array([3.6, 0.0]))
        if not ends[0] <= self.lowest < self.highest <= ends[1] * (1 + 1e-4) or self.channels < 2:
            raise RanvierError(
                f"channels={self.channels} from lowest={self.lowest} to highest={self.highest} Hz: give at least 2, between "
                f"{ends[0]:.0f} and {ends[1]:.0f} Hz."
            )
        self.hair.check(self.rate)
        if self._per_step < 1:
            raise RanvierError(f"dt={self.dt} is shorter than an internal step; give at least {1000 / self.rate:g} ms")

    @property
    def _per_step(self) -> float:
        return self.rate * float(strip(self.dt, ms, "dt")) / 1000

    @property
    def places(self) -> np.ndarray:
        """Distance of every channel from the base in cm [channels]."""
        return np.linspace(self.membrane.place(self.highest), self.membrane.place(self.lowest), self.channels)

    def __call__(
        self,
        sound: Tensor | np.ndarray | Sequence[Tensor] | Sequence[np.ndarray],
        sound_rate: float,
        *,
        steps: int | None = None,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Hear clips.

        Parameters
        ----------
        sound
            Clips [B, samples], or a sequence of clips [samples] of any lengths; shorter ones end in silence.
        sound_rate
            Samples per second.
        steps
            T; None for the longest clip. What comes later is left out.
        generator
            Decides the fibres' random numbers, drawn for all clips together; None takes torch's own.
        dtype
            Of computation and output.

        Raises
        ------
        ShapeError
            Where a clip is not one-dimensional or is empty.
        RanvierError
            Where a clip is not finite, or ``steps`` or ``sound_rate`` cannot be.
        """
        clips = [_clip(c, k) for k, c in enumerate(sound)]
        if not clips:
            raise ShapeError("sound holds no clip: give [B, samples] or a sequence of clips [samples]")
        if not sound_rate > 0:
            raise RanvierError(f"sound_rate={sound_rate} Hz: give the samples per second, above 0")
        longest = max(len(c) for c in clips) / sound_rate
        total = step_count(steps) if steps is not None else math.ceil(steps_in(longest * self.rate, self._per_step))
        samples = math.ceil(steps_in(total * self._per_step, 1.0))
        at_once = max(1, _ELEMENTS // (self.channels * max(samples, 1)))
        wave = (max(longest, samples / self.rate) + _RINGING) * self.rate
        work = self.channels * (_PER_VELOCITY * samples * min(at_once, len(clips)) + _PER_WAVE * wave)
        need(
            total * len(clips) * self.channels * dtype.itemsize + work,
            f"{total:,} steps of {len(clips):,} clips in {self.channels:,} channels",
            "give fewer steps, fewer channels, or fewer clips at a time",
        )
        out = torch.zeros(total, len(clips), self.channels, dtype=dtype)
        for first in range(0, len(clips), at_once):
            some = clips[first : first + at_once]
            velocity = torch.from_numpy(self.velocity(some, sound_rate, samples)).to(dtype)
            self._transduce(velocity, out[:, first : first + at_once], generator)
        return out

    def velocity(self, clips: Sequence[np.ndarray], sound_rate: float, samples: int) -> np.ndarray:
        """The velocity of the membrane [samples, B, channels] at ``rate`` while it hears ``clips`` [samples each]."""
        duration = max(max(len(c) for c in clips) / sound_rate, samples / self.rate) + _RINGING
        inside, outside = (fft.next_fast_len(math.ceil(duration * r), real=True) for r in (sound_rate, self.rate))
        padded = np.zeros((len(clips), inside))
        for row, clip in zip(padded, clips, strict=True):
            row[: len(clip)] = self._prepared(clip, sound_rate)
        if inside * self.rate != outside * sound_rate:  # one resolution for both transforms
            inside, outside = _common(duration, sound_rate, self.rate)
            padded = np.pad(padded, ((0, 0), (0, max(0, inside - padded.shape[1]))))[:, :inside]
        spectrum = np.asarray(fft.rfft(padded, axis=1)).astype(np.complex64)
        kept = min(spectrum.shape[1], outside // 2 + 1)
        response = self.membrane.response(np.arange(kept) * sound_rate / inside, self.places)
        response = (response.conj() if self.causal else response).astype(np.complex64) * np.float32(outside / inside)
        result = np.empty((samples, len(clips), self.channels), np.float32)
        for b in range(len(clips)):
            result[:, b] = fft.irfft(spectrum[b, None, :kept] * response, outside, axis=1)[:, :samples].T
        return result

    def _prepared(self, clip: np.ndarray, sound_rate: float) -> np.ndarray:
        if self.level is not None:
            power = float(np.sqrt(np.mean(clip**2)))
            clip = clip * (self.level / power) if power > 0 else clip
        half = len(clip) // 2
        if self.fade is not None:
            half = min(half, int(nearest_steps(float(strip(self.fade, ms, "fade")) * sound_rate, 1000.0)))
        ramp = np.ones(len(clip))
        ramp[:half] = np.hanning(2 * half)[:half]
        ramp[len(clip) - half :] = ramp[:half][::-1]
        return clip * ramp

    def _transduce(self, velocity: Tensor, out: Tensor, generator: torch.Generator | None) -> None:
        like = torch.zeros_like(velocity[0])
        pools, nerve = self.hair.rest(like), Nerve(self.bushy, self.rate, like, generator)
        for first in range(0, len(velocity), _BLOCK):
            opening = self.hair.opening(velocity[first : first + _BLOCK], self.rate)
            for sample, one in enumerate(opening, first):
                fires = nerve.step(self.hair.step(one, pools, self.rate))
                out[min(math.floor(steps_in(sample, self._per_step)), len(out) - 1)] += fires


def _clip(clip: Any, index: int) -> np.ndarray:
    array = np.asarray(clip, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise ShapeError(f"clip {index} has shape {array.shape}; expected [samples], at least one")
    if not np.isfinite(array).all():
        raise RanvierError(f"clip {index} is not finite; replace or drop its NaN and infinite samples")
    return array


def _common(duration: float, first: float, second: float) -> tuple[int, int]:
    """Lengths of two transforms that last equally long, at least ``duration`` seconds, at both rates."""
    shared = math.gcd(round(first), round(second))
    if shared == 0 or first != round(first) or second != round(second):
        raise RanvierError(f"rates {first} and {second} Hz: give whole numbers of samples per second")
    periods = fft.next_fast_len(math.ceil(duration * shared))
    return periods * round(first) // shared, periods * round(second) // shared
