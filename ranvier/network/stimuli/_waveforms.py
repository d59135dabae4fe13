"""Steps, ramps and sines: the stimuli of every textbook, as equations."""

from __future__ import annotations

from typing import Any

from ranvier.errors import DimensionError
from ranvier.network.stimuli._equations import Stimulus
from ranvier.network.stimuli._signal import one_or_each
from ranvier.network.stimuli.counts import count_of
from ranvier.units import UNITS, Quantity

__all__ = ["ramp_current", "sine_current", "step_current"]

_TIME = UNITS["ms"].dimension
_ALWAYS = 1e12  # ms, later than any simulation ends


def step_current(amplitude: Any, size: int = 1, *, start: Any = None, stop: Any = None) -> Stimulus:
    """``amplitude`` from ``start`` to ``stop``, 0 before and after.

    Parameters
    ----------
    amplitude
        Of any dimension: one value, or one per cell.
    size
        Number of cells.
    start, stop
        Times, each one value or one per cell, rounded to steps; from the beginning, and for ever, where None.

    >>> pulse = net.source("pulse", rv.step_current([0.2, 0.4]*nA, 2, start=100*ms, stop=600*ms))
    """
    size = count_of(size, "step_current: size")
    values = {
        "amplitude": _value(amplitude, size, "step_current: amplitude"),
        **_times(start, stop, size, "step_current"),
    }
    return Stimulus("x = where(t + dt/2 > start and t + dt/2 < stop, amplitude, 0*amplitude)", size, **values)


def ramp_current(first: Any, last: Any, size: int = 1, *, start: Any = None, stop: Any) -> Stimulus:
    """A straight line from ``first`` at ``start`` to ``last`` at ``stop``; constant before and after.

    Parameters
    ----------
    first, last
        Of one dimension: one value each, or one per cell.
    size
        Number of cells.
    start, stop
        Times, each one value or one per cell.

    >>> ramp = net.source("ramp", rv.ramp_current(0*nA, 1*nA, 10, stop=1*second))
    """
    size = count_of(size, "ramp_current: size")
    if stop is None:
        raise DimensionError("ramp_current: stop=None leaves open how steep the ramp is; give a time, such as 100*ms.")
    values = {"first": _value(first, size, "ramp_current: first"), "last": _value(last, size, "ramp_current: last")}
    values |= _times(start, stop, size, "ramp_current")
    return Stimulus("x = first + (last - first)*clip((t - start)/(stop - start), 0, 1)", size, **values)


def sine_current(amplitude: Any, frequency: Any, size: int = 1, *, phase: Any = 0.0, offset: Any = None) -> Stimulus:
    """``offset + amplitude*sin(2*pi*frequency*t + phase)``.

    Parameters
    ----------
    amplitude, offset
        Of one dimension: one value each, or one per cell; no offset where None.
    frequency
        For example ``5*Hz``; one value, or one per cell.
    phase
        In radians; one value, or one per cell.
    size
        Number of cells.

    >>> theta = net.source("theta", rv.sine_current(0.3*nA, 8*Hz, 2, phase=[0, 3.14]))
    """
    size = count_of(size, "sine_current: size")
    high = _value(amplitude, size, "sine_current: amplitude")
    values = {
        "amplitude": high,
        "frequency": _value(frequency, size, "sine_current: frequency", (1 / UNITS["ms"]).dimension),
        "phase": _value(phase, size, "sine_current: phase", UNITS["1"].dimension),
        "offset": 0 * high if offset is None else _value(offset, size, "sine_current: offset"),
    }
    return Stimulus("x = offset + amplitude*sin(2*pi*frequency*t + phase)", size, **values)


def _value(value: Any, size: int, what: str, dimension: Any = None) -> Quantity:
    array, found = one_or_each(value, size, what, dimension)
    return Quantity(array if array.ndim else float(array), found)


def _times(start: Any, stop: Any, size: int, what: str) -> dict[str, Quantity]:
    low = Quantity(0.0, _TIME) if start is None else _value(start, size, f"{what}: start", _TIME)
    high = Quantity(_ALWAYS, _TIME) if stop is None else _value(stop, size, f"{what}: stop", _TIME)
    if not (
        low.value < high.value
        if isinstance(low.value, float) and isinstance(high.value, float)
        else (low.value < high.value).all()
    ):
        raise DimensionError(f"{what}: stop={high} is not after start={low}; give a later one.")
    return {"start": low, "stop": high}
