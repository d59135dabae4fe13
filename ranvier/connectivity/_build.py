"""From a rule to synapses with weights and latencies: drawn in tiles, on all threads, straight into their final form."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier._warn import warn
from ranvier.connectivity._connectivity import Connectivity, ConnectivityError, Ends
from ranvier.connectivity._correlated import Correlated
from ranvier.connectivity._memory import check_memory
from ranvier.connectivity._per_synapse import Numbers, numbers_of
from ranvier.connectivity._procedural import Procedural, ProceduralSynapses
from ranvier.connectivity._sparse import Sparse
from ranvier.connectivity._synapses import Synapses
from ranvier.connectivity.delays import LONGEST, Delays
from ranvier.errors import DimensionError
from ranvier.kernels.pool import run_tiles
from ranvier.limits import spell
from ranvier.storages import Storage
from ranvier.units import UNITS, Dimension, Quantity
from ranvier.units.steps import nearest_steps
from ranvier.values import Distribution, Learn, key_of

if TYPE_CHECKING:
    from ranvier.connectivity._share import Share

__all__ = ["SynapseRequest", "build_synapses", "procedural_synapses"]

_TIME = UNITS["ms"].dimension
_TILE = 1 << 16
_NARROW = ((np.uint8, 255), (np.int16, 32767), (np.int32, 2**31 - 1))


@dataclass(frozen=True)
class SynapseRequest:
    """The arguments of ``connect`` for single synapses.

    ``weight`` and ``delay`` as the user gave them; ``dimension`` that the weight must have, ``dt`` in ms, ``lag`` steps
    between an emission and its earliest arrival, ``sign`` +1, -1 or None, ``each`` a weight of its own for every synapse
    even if they start equal; ``interpolation`` and ``width`` of learnable delays.
    """

    name: str
    seed: int
    weight: Any
    delay: Any
    dimension: Dimension
    dt: float
    lag: int
    dtype: torch.dtype
    sign: int | None = None
    each: bool = False
    interpolation: str = "linear"
    width: Any = None
    storage: Storage | None = None
    progress: bool = False
    share: Share | None = None


def build_synapses(rule: Connectivity, ends: Ends, request: SynapseRequest) -> Sparse:
    """The synapses of a projection.

    Raises
    ------
    ConnectivityError
        Where the rule, a value or the free memory forbids it.
    DimensionError
        Where weight or delay has the wrong unit.
    """
    _check_sign(request)
    part = 1.0 if request.share is None else (request.share.high - request.share.low) / max(1, ends.sizes[1])
    synapses, needed = check_memory(rule, ends, _bytes(request), request.name, part)
    with _shown(request, f"{request.name}: {synapses:,} synapses, {spell(needed)}", 2 * synapses) as advance:
        key, share = key_of(request.seed, f"{request.name}.connectivity"), request.share
        found = rule.build(ends, key) if share is None else rule.share(ends, key, share.low, share.high)
        learn = isinstance(request.weight, Learn)
        given = request.weight.value if learn else request.weight
        weight = numbers_of(given, found, ends, request.seed, request.name, "weight")
        if weight.dimension != request.dimension:
            raise DimensionError(
                f"{request.name}: weight={request.weight!r} has dimension {weight.dimension}, but {request.dimension} is "
                f"needed; give the weight in that unit."
            )
        if request.delay is None and "delay" in found.carried:
            raise ConnectivityError(f"{request.name}: {rule!r} brings delays; say their unit, for example delay=1*ms.")
        weights = _weights(weight, len(found), request, learn or request.each, advance)
        late = request.delay.value if isinstance(request.delay, Learn) else request.delay
        late = 0 * UNITS["ms"] if late is None else late
        delay = numbers_of(late, found, ends, request.seed, request.name, "delay", given)
        if isinstance(request.delay, Learn):
            if share is not None:
                raise ConnectivityError(
                    f"{request.name}: delay={request.delay!r} cannot be learnt in several processes: give a fixed delay, or run "
                    f"in one process."
                )
            return Sparse(
                found,
                weights,
                0,
                learn,
                _learnable(delay, len(found), request),
                _bounds(request, learn),
                storage=request.storage,
            )
        latency, reach = _latencies(delay, len(found), request, advance)
    shared = None if found.places is None or share is None else share.of(found.places, reach)
    return Sparse(
        found, weights, latency, learn, bounds=_bounds(request, learn), lag=request.lag, storage=request.storage,
        shared=shared,
    )  # fmt: skip


def procedural_synapses(rule: Procedural, ends: Ends, request: SynapseRequest) -> ProceduralSynapses:
    """Synapses that are never stored.

    Raises
    ------
    ConnectivityError
        Where weight or delay is not one number, or something is to change.
    DimensionError
        Where weight or delay has the wrong unit.
    """
    _check_sign(request)
    late = 0 * UNITS["ms"] if request.delay is None else request.delay
    for what, given in (("weight", request.weight), ("delay", late)):
        if isinstance(given, Learn) or not _is_number(given):
            raise ConnectivityError(
                f"{request.name}: {what}={given!r}, but procedural synapses share one number; give one, or leave "
                f"Procedural out to store them."
            )
    if request.storage is not None:
        raise ConnectivityError(
            f"{request.name}: storage={request.storage!r}, but procedural synapses share one weight; leave storage out."
        )
    if request.each:
        raise ConnectivityError(f"{request.name}: plastic synapses must be stored; leave Procedural out.")
    rule.expected(ends)
    nothing = Synapses(np.zeros(ends.sizes[0] + 1, np.int64), np.empty(0, np.int32), ends.sizes)
    weight = numbers_of(request.weight, nothing, ends, request.seed, request.name, "weight")
    if weight.dimension != request.dimension:
        raise DimensionError(
            f"{request.name}: weight={request.weight!r} has dimension {weight.dimension}, but {request.dimension} is "
            f"needed; give the weight in that unit."
        )
    delay = numbers_of(late, nothing, ends, request.seed, request.name, "delay")
    weights = _weights(weight, 0, request, False, lambda count: None)
    latency, _ = _latencies(delay, 0, request, lambda count: None)
    source = rule.rule.source(ends, key_of(request.seed, f"{request.name}.connectivity"))
    return ProceduralSynapses(source, ends.sizes, weights, int(latency))


def _check_sign(request: SynapseRequest) -> None:
    if request.sign not in (None, 1, -1):
        raise ConnectivityError(f"{request.name}: sign={request.sign!r} must be +1, -1 or None.")


def _weights(
    weight: Numbers, count: int, request: SynapseRequest, each: bool, advance: Callable[[int], None]
) -> torch.Tensor:
    """One weight for all, or [synapses]; finite and of the wanted sign."""

    most = torch.finfo(request.dtype).max

    def check(values: np.ndarray, start: int) -> None:
        bad = ~(np.abs(values) <= most)
        if bad.any():
            k = int(np.argmax(bad))
            raise ConnectivityError(
                f"{request.name}: the weight of synapse {start + k} is {values[k]}; give finite weights, of at most "
                f"{most:.2g}."
            )
        if request.sign is not None and (request.sign * values < 0).any():
            k = int(np.argmax(request.sign * values < 0))
            kind, remedy = ("excitatory", "low=0") if request.sign > 0 else ("inhibitory", "high=0")
            raise ConnectivityError(
                f"{request.name}: sign={request.sign:+d} makes it {kind}, but the weight of synapse {start + k} is "
                f"{values[k]:g}; bound the weights, for example rv.Normal(…, {remedy}), or leave sign out."
            )

    if weight.single is not None and not each:
        check(np.array([weight.single]), 0)
        return torch.tensor([weight.single], dtype=request.dtype)
    out = torch.empty(count, dtype=request.dtype)
    _fill(out.numpy(), weight, check, advance)
    return out


def _latencies(
    delay: Numbers, count: int, request: SynapseRequest, advance: Callable[[int], None]
) -> tuple[torch.Tensor | int, tuple[int, int] | None]:
    """round(delay/dt) where it is one number for all, else that plus the lag, in the narrowest type; and the least and the
    greatest then."""
    if delay.dimension != _TIME and delay.single != 0:
        raise DimensionError(
            f"{request.name}: delay={request.delay!r} has dimension {delay.dimension}; give a time, for example 1.5*ms."
        )

    def check(values: np.ndarray, start: int) -> None:
        bad = ~((values >= 0) & (values <= LONGEST * request.dt))
        if bad.any():
            k = int(np.argmax(bad))
            raise ConnectivityError(
                f"{request.name}: the delay of synapse {start + k} is {values[k]:g} ms; delays run from 0 to "
                f"{LONGEST * request.dt:g} ms ({LONGEST:,} steps): bound them, for example rv.Normal(…, low=0.1*ms)."
            )

    def steps(values: np.ndarray) -> np.ndarray:
        return nearest_steps(values, request.dt) + request.lag

    if delay.single is not None:
        check(np.array([delay.single]), 0)
        steps_of_all = int(nearest_steps(delay.single, request.dt))
        if delay.single > 0 == steps_of_all:
            _say_lost(request, delay.single)
        return steps_of_all, None
    most = LONGEST if delay.bounds is None else min(LONGEST, float(steps(np.array(delay.bounds[1]))))
    out = np.empty(count, _narrowest(most))
    _fill(out, delay, check, advance, steps)
    least, most = (int(out.min()), int(out.max())) if count else (LONGEST, 0)
    least, most = (least, most) if request.share is None else request.share.span(least, most)
    least, most = (least, most) if most else (request.lag, request.lag)
    if count and most == request.lag and (longest := float(delay.block(0, min(count, 1 << 16)).max())) > 0:
        _say_lost(request, longest)
    if least == most:
        return least - request.lag, None
    return torch.from_numpy(out.astype(_narrowest(most), copy=False)), (least, most)


def _say_lost(request: SynapseRequest, longest: float) -> None:
    """Warn of delays that all round to none."""
    warn(
        f"{request.name}: the delays, of at most {longest:g} ms, are all less than half a step of {request.dt:g} ms and "
        "round to none: give a smaller dt, or no delay."
    )


def _learnable(delay: Numbers, count: int, request: SynapseRequest) -> Delays:
    """A delay per synapse that training moves."""
    given: Learn = request.delay
    low, high = (None if bound is None else Quantity(bound, delay.dimension) for bound in (given.min, given.max))
    start = Learn(Quantity(delay.block(0, count).copy(), delay.dimension), low, high)
    return Delays(
        start, (count,), (count,), interpolation=request.interpolation, width=request.width,
        dt=request.dt, seed=request.seed, name=request.name,
    ).to(request.dtype)  # fmt: skip


def _fill(
    out: np.ndarray, numbers: Numbers, check: Callable[[np.ndarray, int], None], advance: Callable[[int], None],
    change: Callable[[np.ndarray], np.ndarray] | None = None,
) -> None:  # fmt: skip
    def task(i: int) -> None:
        start, stop = i * _TILE, min((i + 1) * _TILE, len(out))
        values = numbers.block(start, stop)
        check(values, start)
        out[start:stop] = values if change is None else change(values)
        advance(stop - start)

    run_tiles(task, -(-len(out) // _TILE))


def _narrowest(most: float) -> type[np.integer]:
    return next(kind for kind, limit in _NARROW if most <= limit)


def _bytes(request: SynapseRequest) -> int:
    """Bytes per synapse of the result, before anything is drawn."""
    given = request.weight.value if isinstance(request.weight, Learn) else request.weight
    each = isinstance(request.weight, Learn) or request.each or not _is_number(given)
    late = request.delay.distribution if isinstance(request.delay, Correlated) else request.delay
    if isinstance(late, Learn):
        latency = 8
    elif isinstance(late, Distribution):
        longest = float(late.quantile(np.array([1 - 2.0**-53]))[0]) / request.dt + request.lag
        latency = np.dtype(_narrowest(min(longest, LONGEST))).itemsize
    else:
        latency = 0 if late is None or _is_number(late) else 4
    return 4 + each * request.dtype.itemsize + latency


def _is_number(value: Any) -> bool:
    return not callable(value) and np.ndim(getattr(value, "value", value)) == 0 and not hasattr(value, "quantile")


def _bounds(request: SynapseRequest, learn: bool) -> tuple[float | None, float | None]:
    """The bounds that training keeps the weights within."""
    if not learn:
        return None, None
    low, high = request.weight.min, request.weight.max
    if request.sign == 1:
        low = 0.0 if low is None else max(0.0, low)
    if request.sign == -1:
        high = 0.0 if high is None else min(0.0, high)
    return low, high


def _shown(request: SynapseRequest, text: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """A bar on the error stream, or nothing."""
    return _Bar(text, total) if request.progress else nullcontext(lambda count: None)


class _Bar:
    """Progress through the weights and delays of one projection."""

    def __init__(self, text: str, total: int) -> None:
        from rich.console import Console  # slow to import
        from rich.progress import Progress

        self.bar = Progress(console=Console(stderr=True))
        self.task = self.bar.add_task(text, total=total)

    def __enter__(self) -> Callable[[int], None]:
        self.bar.start()
        return lambda count: self.bar.advance(self.task, count)

    def __exit__(self, *_: object) -> None:
        self.bar.update(self.task, completed=self.bar.tasks[0].total)
        self.bar.stop()
