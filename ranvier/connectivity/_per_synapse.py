"""One number for every synapse, from whatever a user may give as weight or delay, block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import ConnectivityError, Ends
from ranvier.connectivity._correlated import Correlated
from ranvier.connectivity._numbers import spread
from ranvier.connectivity._pair_text import PairText
from ranvier.connectivity._synapses import Places, Synapses
from ranvier.errors import ShapeError
from ranvier.kernels.drawing import counted_uniforms
from ranvier.units import Dimension, as_quantity
from ranvier.values import Distribution, key_of

__all__ = ["Numbers", "numbers_of"]

_EDGE = 2.0**-53
#: places of a share that are drawn together, with all that lies between them
_PIECE = 1 << 14


@dataclass(frozen=True)
class Numbers:
    """A number per synapse in base units.

    Attributes
    ----------
    dimension
        Of the numbers.
    block
        ``block(start, stop)``: float64 numbers of synapses start … stop - 1.
    single
        The number, where one holds for all.
    bounds
        Least and largest number that can occur, where known without looking.
    """

    dimension: Dimension
    block: Callable[[int, int], np.ndarray]
    single: float | None = None
    bounds: tuple[float, float] | None = None


def numbers_of(
    value: Any, synapses: Synapses, ends: Ends, seed: int, name: str, what: str, weight: Any = None
) -> Numbers:
    """The numbers that ``value`` means for the synapses of the projection ``name``.

    Parameters
    ----------
    value
        A number, an array (one entry per synapse, or a table [pre, post]), a distribution, ``Correlated``, a text in the
        names of a pair (see ``rv.Where``), or a function of distance.
    what
        ``"weight"`` or ``"delay"``; numbers that the rule carries under this name are multiplied in.
    weight
        What was given as weight, for ``Correlated``.
    """
    found = _plain(value, synapses, ends, seed, name, what, weight)
    carried = synapses.carried.get(what)
    if carried is None:
        return found

    def block(start: int, stop: int) -> np.ndarray:
        return carried[start:stop] * found.block(start, stop)

    return Numbers(found.dimension, block)


def _plain(value: Any, synapses: Synapses, ends: Ends, seed: int, name: str, what: str, weight: Any) -> Numbers:
    if isinstance(value, Distribution):
        return _placed(_drawn(value, key_of(seed, f"{name}.{what}")), synapses.places)
    if isinstance(value, Correlated):
        return _placed(_correlated(value, weight, seed, name, what), synapses.places)
    if isinstance(value, type):
        raise ConnectivityError(f"{name}: {what}={value.__name__} is a class; make one, such as rv.Normal(1.0, 0.1).")
    if isinstance(value, str):
        return _by_text(value, synapses, ends, key_of(seed, f"{name}.{what}"), f"{name}: {what}={value!r}")
    if callable(value):
        return _by_distance(value, synapses, ends, name, what)
    try:
        quantity = as_quantity(value)
    except (TypeError, ValueError) as error:
        raise ConnectivityError(
            f"{name}: {what}={value!r} is not a value: give a number, an array, a text, a distribution, rv.Learn(…) or a "
            f"function of distance."
        ) from error
    given = quantity.value.detach().cpu().numpy() if hasattr(quantity.value, "detach") else quantity.value
    array = np.asarray(given, np.float64)
    if array.ndim == 0:
        number = float(array)
        return Numbers(quantity.dimension, lambda start, stop: np.full(stop - start, number), number)
    return _listed(array, quantity.dimension, synapses, name, what)


def _placed(numbers: Numbers, places: Places | None) -> Numbers:
    """The numbers of a share of the synapses, out of those of all."""
    if places is None:
        return numbers

    def block(start: int, stop: int) -> np.ndarray:
        if start == stop:
            return np.empty(0)
        wanted = places.of(start, stop)
        return np.concatenate([_some(numbers, piece) for piece in np.array_split(wanted, -(-len(wanted) // _PIECE))])

    return replace(numbers, block=block)


def _some(numbers: Numbers, wanted: np.ndarray) -> np.ndarray:
    """Those of the ascending places ``wanted``."""
    low = int(wanted[0])
    return numbers.block(low, int(wanted[-1]) + 1)[wanted - low]


def _drawn(distribution: Distribution, key: tuple[int, int]) -> Numbers:
    def block(start: int, stop: int) -> np.ndarray:
        return distribution.quantile(counted_uniforms(key, stop - start, start=start))

    low, high = distribution.quantile(np.array([_EDGE, 1 - _EDGE]))
    return Numbers(distribution.dimension, block, None, (float(low), float(high)))


def _correlated(value: Correlated, weight: Any, seed: int, name: str, what: str) -> Numbers:
    if what != "delay" or not isinstance(weight, Distribution):
        raise ConnectivityError(
            f"{name}: {what}={value!r} needs a weight that is drawn: give weight=rv.Normal(…) or another distribution, "
            f"and rv.Correlated(…) as delay."
        )
    keys = key_of(seed, f"{name}.weight"), key_of(seed, f"{name}.{what}")

    def block(start: int, stop: int) -> np.ndarray:
        return value.quantile(*(counted_uniforms(key, stop - start, start=start) for key in keys))

    return Numbers(value.distribution.dimension, block, None, _drawn(value.distribution, keys[1]).bounds)


def _by_distance(function: Callable[[Any], Any], synapses: Synapses, ends: Ends, name: str, what: str) -> Numbers:
    before, behind = ends.placed(f"{name}: a {what} that is a function of distance")

    def quantities(pre: np.ndarray, post: np.ndarray) -> Any:
        return as_quantity(function(before.distances(behind, pre, post)))

    def block(start: int, stop: int) -> np.ndarray:
        values = quantities(synapses.pre_of(start, stop), synapses.target[start:stop]).value
        return spread(values, stop - start, f"{name}: {what}={function!r}")

    return Numbers(quantities(np.zeros(1, np.int64), np.zeros(1, np.int64)).dimension, block)


def _by_text(text: str, synapses: Synapses, ends: Ends, key: tuple[int, int], what: str) -> Numbers:
    read = PairText(text, {}, what)
    dimension = read.dimension(ends)

    def block(start: int, stop: int) -> np.ndarray:
        def uniforms(k: int) -> np.ndarray:
            drawn = Numbers(dimension, lambda low, high: counted_uniforms(key, high - low, stream=k, start=low))
            return _placed(drawn, synapses.places).block(start, stop)

        return read(ends, synapses.pre_of(start, stop), synapses.target[start:stop], uniforms)

    return Numbers(dimension, block)


def _listed(array: np.ndarray, dimension: Dimension, synapses: Synapses, name: str, what: str) -> Numbers:
    if array.shape == synapses.sizes and array.ndim == 2:

        def block(start: int, stop: int) -> np.ndarray:
            return array[synapses.pre_of(start, stop), synapses.target[start:stop]]

    elif array.shape == (synapses.total,):
        order, places = synapses.order, synapses.places

        def block(start: int, stop: int) -> np.ndarray:
            if order is not None:
                return array[order[start:stop]]
            return array[start:stop] if places is None else array[places.of(start, stop)]

    else:
        pre, post = synapses.sizes
        raise ShapeError(
            f"{name}: {what} has the shape {array.shape} for {synapses.total} synapses; give one number, one per synapse, or "
            f"a table [{pre}, {post}]."
        )
    return Numbers(dimension, block)
