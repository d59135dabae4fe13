"""The shapes in common use, each with its source."""

from __future__ import annotations

from typing import Any

from ranvier.surrogates._surrogate import Surrogate

__all__ = ["ArcTan", "Boxcar", "FastSigmoid", "Gaussian", "Sigmoid", "StraightThrough", "Triangle"]


def ArcTan(alpha: float = 2.0, width: Any = 1.0) -> Surrogate:
    """alpha/2 / (1 + (pi/2*alpha*u)**2). Fang et al., ICCV 2021.

    >>> cell = rv.LIF(256, surrogate=rv.surrogates.ArcTan(alpha=2.0))
    """
    return Surrogate("alpha/2/(1 + (pi/2*alpha*u)**2)", width, alpha=alpha)


def FastSigmoid(alpha: float = 10.0, width: Any = 1.0) -> Surrogate:
    """1 / (1 + alpha*abs(u))**2. Zenke & Ganguli, Neural Computation 2018 (SuperSpike).

    >>> cell = rv.LIF(256, surrogate=rv.surrogates.FastSigmoid(alpha=10.0))
    """
    return Surrogate("1/(1 + alpha*abs(u))**2", width, alpha=alpha)


def Sigmoid(alpha: float = 4.0, width: Any = 1.0) -> Surrogate:
    """alpha*s*(1 - s) with s = sigmoid(alpha*u). Neftci, Mostafa & Zenke, IEEE SPM 2019.

    >>> cell = rv.LIF(256, surrogate=rv.surrogates.Sigmoid(alpha=4.0))
    """
    return Surrogate("alpha*sigmoid(alpha*u)*(1 - sigmoid(alpha*u))", width, alpha=alpha)


def Gaussian(sigma: float = 0.5, width: Any = 1.0) -> Surrogate:
    """exp(-u**2/(2*sigma**2)) / (sqrt(2*pi)*sigma). Yin, Corradi & Bohte, 2021.

    >>> cell = rv.LIF(256, surrogate=rv.surrogates.Gaussian(sigma=0.5))
    """
    return Surrogate("exp(-u**2/(2*sigma**2))/(sqrt(2*pi)*sigma)", width, sigma=sigma)


def Triangle(gamma: float = 1.0, width: Any = 1.0) -> Surrogate:
    """gamma*max(0, 1 - abs(u)): compact support. Bellec et al., NeurIPS 2018 (with gamma = 0.3).

    >>> cell = rv.LIF(256, surrogate=rv.surrogates.Triangle(gamma=0.3))
    """
    return Surrogate("gamma*maximum(0, 1 - abs(u))", width, gamma=gamma)


def Boxcar(width: Any = 1.0) -> Surrogate:
    """1 within half a width of the threshold, else 0: compact support. Wu et al., Frontiers 2018.

    >>> cell = rv.LIF(256, surrogate=rv.surrogates.Boxcar(width=0.5))
    """
    return Surrogate("where(abs(u) < 0.5, 1.0, 0.0)", width)


def StraightThrough() -> Surrogate:
    """1 everywhere. Bengio, Leonard & Courville, 2013.

    >>> cell = rv.LIF(256, surrogate=rv.surrogates.StraightThrough())
    """
    return Surrogate("1.0")
