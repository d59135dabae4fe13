"""The exceptions and the warning of the package, one per family of mistake.

Every message names the offending value and the remedy.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ConversionError",
    "DimensionError",
    "EquationError",
    "FileFormatError",
    "MemoryLimitError",
    "NonFiniteError",
    "NumberError",
    "ProcessError",
    "ProviderError",
    "RanvierError",
    "RanvierWarning",
    "RecordingError",
    "ShapeError",
    "StateError",
    "TrainingError",
    "WriteError",
]


class RanvierError(Exception):
    """Base of every error that the package raises on purpose."""


class EquationError(RanvierError, ValueError):
    """Equation text cannot be read, checked or discretised.

    Parameters
    ----------
    message
        What is wrong and what to write instead.
    line
        The offending line of the equation text; empty when the mistake belongs to no single line.
    """

    def __init__(self, message: str, line: str = "") -> None:
        super().__init__(message, line)
        self.message = message
        self.line = line.strip()

    def __str__(self) -> str:
        return f"{self.message}\n    in: {self.line}" if self.line else self.message


class ConversionError(RanvierError, ValueError):
    """A network of torch cannot be converted to a spiking one; the message names every layer without a spiking form."""


class DimensionError(RanvierError, ValueError):
    """A quantity has another physical dimension than the place where it is used."""


class ShapeError(RanvierError, ValueError):
    """An array has axes that do not fit; the message names the axes, for example ``[T, B, N]``."""


class StateError(RanvierError, ValueError):
    """A state value does not belong to the network it was given to."""


class NumberError(RanvierError, TypeError):
    """A value is not a number, quantity, array or tensor where one is needed."""


class FileFormatError(RanvierError, ValueError):
    """A file is damaged, truncated, hostile or of an unknown version; nothing was changed."""


class MemoryLimitError(RanvierError, MemoryError):
    """A request needs more memory than is free; the message names both sizes and the remedy. Nothing was allocated."""


class ProcessError(RanvierError, RuntimeError):
    """Processes that run one network together cannot connect, differ in network, state or request, or do not answer."""


class ProviderError(RanvierError, RuntimeError):
    """No kernel provider can honour the request; the message holds the reason of each."""


class TrainingError(RanvierError, RuntimeError):
    """Training cannot start or go on, for example because a loss is not finite."""


class RanvierWarning(UserWarning):
    """A request was fulfilled in another way, or is a likely mistake; the message says how and why."""


class NonFiniteError(RanvierError, ArithmeticError):
    """A variable became infinite or NaN: the message says where, when and what may help.

    ``run`` is the simulation up to the last block that was sound, where there is one.
    """

    run: Any = None


class WriteError(RanvierError, OSError):
    """A file cannot be written, for example on a full disk. The message names it; earlier content is untouched."""


class RecordingError(WriteError):
    """A simulation stopped because a recording or checkpoint could not be written, for example on a full disk.

    ``run`` is the simulation up to there; its state can be continued and its records read.
    """

    run: Any = None
