"""The basilar membrane: sound to the velocity of the membrane at places from base to apex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

__all__ = ["BasilarMembrane"]


@dataclass(frozen=True)
class BasilarMembrane:
    """Shallow-water waves on a membrane whose stiffness falls from base to apex.

    With ω the angular frequency and x the place, the membrane answers pressure with

        ξ(x) = C0 exp(-alpha x) - a - m ω² - iω R0 exp(-alpha x/2),   R0 = damping sqrt(C0 m),
        p'' + g² p = 0,   g(x) = ω sqrt(density / (height ξ)),

    solved by p ~ sqrt(G/g) H0⁽¹⁾(G), G = 2 g(0)/alpha + ∫₀ˣ g. With u = exp(alpha x/2), A = a + m ω² and
    z(u) = (2 A u + iω R0) / sqrt(4 A C0 - ω² R0²) the integral is 2ω sqrt(density) (arcsin z(u) - arcsin z(1)) /
    (alpha sqrt(height A)). The velocity is 2ω/ξ p(x)/p(0) Z, Z the input impedance of the base.

    Parameters
    ----------
    stiffness, offset
        C0 and a, in g/(cm² s²).
    alpha
        1/cm.
    damping
        Without unit.
    mass, height, density
        m in g/cm², the height of the canals in cm, of the fluid in g/cm³.

    Source: Sieroka, Dosch & Rupp, J. Acoust. Soc. Am. 120, 297 (2006); the values are those behind the Heidelberg
    digits (Cramer et al., IEEE TNNLS 2020).

    Examples
    --------
    >>> BasilarMembrane().characteristic(np.array([0.0, 3.5])).round()  # Hz at base and apex
    array([22508.,   110.])
    """

    stiffness: float = 1e9
    offset: float = 3500.0
    alpha: float = 3.0
    damping: float = 0.15
    mass: float = 0.05
    height: float = 0.1
    density: float = 1.0

    def characteristic(self, place: np.ndarray) -> np.ndarray:
        """The resonance of each place (cm from the base) in Hz."""
        return np.sqrt((self.stiffness * np.exp(-self.alpha * place) - self.offset) / self.mass) / (2 * np.pi)

    def place(self, frequency: float) -> float:
        """The place in cm whose resonance is ``frequency`` in Hz."""
        stiffness = self.offset + self.mass * (2 * np.pi * frequency) ** 2
        return float(np.log(self.stiffness / stiffness) / self.alpha)

    def response(self, frequency: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Velocity for a unit of sound: ``frequency`` [F] in Hz, ``place`` [N] in cm; complex [N, F], 0 at 0 Hz.

        For waves e^(-iωt). Multiply a numpy transform, which counts e^(+iωt), by the conjugate: then a place answers
        after the sound (by 16 ms at 180 Hz); with the response itself it answers as long before it.
        """
        omega = 2 * np.pi * np.maximum(np.abs(frequency), 1e-9)[None]
        x = np.asarray(place, float)[:, None]
        velocity = 2 * omega / self._xi(omega, x) * self._pressure(omega, x) / self._pressure(omega, np.zeros((1, 1)))
        return np.where(np.asarray(frequency)[None] == 0, 0, velocity * self._impedance(omega))

    def _xi(self, omega: np.ndarray, x: np.ndarray) -> np.ndarray:
        stiffness = self.stiffness * np.exp(-self.alpha * x) - self.offset
        return stiffness - self.mass * omega**2 - 1j * omega * self._resistance * np.exp(-self.alpha * x / 2)

    @property
    def _resistance(self) -> float:
        return self.damping * np.sqrt(self.stiffness * self.mass)

    def _pressure(self, omega: np.ndarray, x: np.ndarray) -> np.ndarray:
        g = omega * np.sqrt(self.density / (self.height * self._xi(omega, x)))
        start = omega * np.sqrt(self.density / (self.height * self._xi(omega, np.zeros((1, 1)))))
        total = self.offset + self.mass * omega**2
        root = np.sqrt(4 * total * self.stiffness - (omega * self._resistance) ** 2)
        base = (2 * total + 1j * omega * self._resistance) / root
        here = (2 * total * np.exp(self.alpha * x / 2) + 1j * omega * self._resistance) / root
        factor = 2 * omega / self.alpha * np.sqrt(self.density / (self.height * total))
        phase = 2 * start / self.alpha + factor * (np.arcsin(here) - np.arcsin(base))
        return np.sqrt(phase / g) * special.hankel1(0, phase)

    def _impedance(self, omega: np.ndarray) -> np.ndarray:
        s = 2 * omega / self.alpha * np.sqrt(2 / (self.height * self.stiffness))
        outward = (1j * special.j0(s) + special.y0(s)) / (special.j1(s) - 1j * special.y1(s))
        return np.sqrt(2 * self.stiffness / self.height) * outward
