"""Standard normal numbers by counting: a number depends on key and stream, sample, cell and step alone.

Method (G. E. P. Box and M. E. Muller, *Annals of Mathematical Statistics* 29, 1958): two words are a radius and an angle, and
their point has two independent normal coordinates. All numbers are float32, made of products, sums and square roots that are each
rounded once, so that every target finds the same bits. The polynomial of the logarithm is that of S. Moshier's Cephes library; those
of sine and cosine are minimax.
"""

from __future__ import annotations

import math

import numpy as np

from ranvier.values.step_words import by_cell, step_words

__all__ = ["COSINE", "LN2", "LOGARITHM", "ROOT", "SINE", "TURN", "normal_numbers"]

#: bits of sqrt(1/2), the smallest mantissa
ROOT = 0x3F3504F3
LN2 = math.log(2.0)
#: log(1 + f) = f - f^2/2 + f^3 P(f), lowest power first
LOGARITHM = (
    3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1, -1.2420140846e-1,
    1.1676998740e-1, -1.1514610310e-1, 7.0376836292e-2,
)  # fmt: skip
#: sin r = r + r^3 S(r^2) and cos r = 1 - r^2/2 + r^4 C(r^2) for |r| <= pi/4
SINE = (-0.16666652, 0.008332027, -0.00019496857)
COSINE = (0.04166664, -0.0013887107, 2.440948e-05)
#: the angle of the smallest step of a word without its two upper bits
TURN = math.pi / 4 * 2.0**-31

_F = np.float32


def normal_numbers(key: tuple[int, int, int], first: int, steps: int, cells: int, batch: int = 1) -> np.ndarray:
    """Float32 [steps, batch, cells] of the steps first, first + 1, …; ``key`` ends with the stream.

    Words 0 and 1 of an element give its parts 0 and 2, words 2 and 3 its parts 1 and 3.
    """
    out = np.empty((steps, batch, cells), _F)
    for row, words in zip(out, step_words(key, first, steps, cells, batch), strict=True):
        one, other = _pair(words[::2], words[1::2])
        row[:] = by_cell(np.concatenate([one, other]), cells)
    return out


def _pair(radius: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The coordinates of a point, from two uint32 words."""
    r = _root_of_log(radius)
    turned = (angle << np.uint32(2)).view(np.int32).astype(_F) * _F(TURN)
    z = turned * turned
    sine = turned + turned * z * _polynomial(z, SINE)
    cosine = z * z * _polynomial(z, COSINE) - z * _F(0.5) + _F(1)
    swapped, sign = (angle & np.uint32(1 << 30)) != 0, angle & np.uint32(1 << 31)

    def turn(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return r * (np.where(swapped, a, b).view(np.uint32) ^ sign).view(_F)

    return turn(sine, cosine), turn(cosine, sine)


def _root_of_log(words: np.ndarray) -> np.ndarray:
    """sqrt(-2 log u), where u is the float nearest to a word's upper 31 bits, and 1/2 more, over 2^31."""
    bits = ((words >> np.uint32(1)).astype(np.int32).astype(_F) + _F(0.5)).view(np.int32)
    field = (bits - np.int32(ROOT)) & np.int32(-1 << 23)
    f = (bits - field).view(_F) - _F(1)
    square = f * f
    logarithm = f * square * _polynomial(f, LOGARITHM) - square * _F(0.5) + f
    left = _F(31) - (field >> np.int32(23)).astype(_F)
    return np.sqrt((left * _F(LN2) - logarithm) * _F(2))


def _polynomial(x: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
    """By Horner's rule, lowest power first."""
    value = np.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        value = value * x + _F(c)
    return value
