"""Arguments of a circuit: a section for each population and one for each projection."""

from __future__ import annotations

from functools import cache, lru_cache

from llvmlite import ir

from ranvier.kernels.cpu.circuit._drawn import DRAWN
from ranvier.kernels.cpu.circuit._drive import drive_names, drive_signature, noise_names, noise_signature
from ranvier.kernels.cpu.circuit.fired import fixed_counters
from ranvier.kernels.cpu.circuit.form import Member, QueueForm, Wire
from ranvier.kernels.cpu.graded.emissions import SHOWN_SLOTS
from ranvier.kernels.cpu.host.signature import REAL, Array, Reader, Signature
from ranvier.kernels.cpu.host.weights import code_arrays
from ranvier.kernels.cpu.llvm.functions import F64, I8, I32, I64

__all__ = ["population", "population_signature", "population_values", "queue_signature", "wire", "wire_signature"]

#: what a projection reads of its ends: spikes of this call by thread (addresses of lists and of their bounds) and those before
#: it, and the ring or state to which it adds: ``length`` slots of ``padded`` numbers
_ENDS = {
    "flags": Array(I64, None),
    "lists": Array(I64, None),
    "borders": Array(I64, None),
    "past": Array(I32, None),
    "past_bounds": Array(I64, None),
    "ring": Array(REAL, ...),
}
_HEAD = ("cells", "padded", "low", "high", "block", "first_block")


def population(k: int) -> tuple[str, int]:
    """Key of the section of population ``k``."""
    return "population", k


def wire(k: int) -> tuple[str, int]:
    """Key of the section of projection ``k``."""
    return "wire", k


@lru_cache(maxsize=256)
def population_signature(member: Member) -> Signature:
    """The arguments of a population of that kind."""
    step, fixed, held = member.step, fixed_counters(member), dict.fromkeys(member.step.exact, F64)
    arrays = {f"state of {n}": Array(held.get(n, REAL), "padded") for n in step.states}
    arrays |= {f"counter of {n}": Array(I32 if n in fixed else REAL, "padded") for n in step.counters}
    arrays |= {f"free of {n}": Array(I64, None) for n in fixed}
    arrays |= {f"coefficient of {n}": Array(F64 if held else REAL, ...) for n in step.coefficients}
    arrays |= {f"ring of {n}": Array(REAL, ...) for n in member.rings}
    arrays |= {f"outside of {n}": Array(held.get(n, REAL), ...) for n in member.outside}
    arrays |= {f"record of {n}": Array(held.get(step.output_of(n), REAL), None, "padded") for n in member.recorded}
    arrays |= {"bins": Array(I64, None), "fired": Array(I64, None), "found": Array(I32, None)}
    arrays |= {"spikes": Array(I32, None), "bounds": Array(I64, None)}
    integers = [*_HEAD, *(f"{word} of {n}" for n in fixed for word in ("waiting", "steps"))]
    integers += [f"length of {n}" for n in member.rings]
    integers += ["apart"] if member.several else []
    integers += [f"{word} of {n}" for n in member.outside for word in ("row", "lane")]
    if member.emission is not None:
        arrays["emitted"] = Array(REAL, None, "stride")
        integers += ["slots", "stride"]
    if member.shown:
        arrays |= {f"shown {n}": Array(REAL, SHOWN_SLOTS, "shown stride") for n in member.shown}
        integers.append("shown stride")
    for drawn in (*map(drive_signature, range(len(member.drives))), *map(noise_signature, member.noises)):
        arrays |= drawn.arrays
        integers += drawn.integers
    return Signature(arrays, integers)


def population_values(member: Member, s: Reader) -> dict:
    """The arguments of a population, loaded where the builder stands."""
    step, fixed, b = member.step, fixed_counters(member), s.builder
    group: dict = {n: s[n] for n in _HEAD}
    group["states"] = {n: s[f"state of {n}"] for n in step.states}
    group["counters"] = {n: s[f"counter of {n}"] for n in step.counters}
    group["fired"], group["found"] = b.bitcast(s["fired"], I8.as_pointer()), s["found"]
    group["free"] = {n: b.bitcast(s[f"free of {n}"], I8.as_pointer()) for n in fixed}
    group["waiting"] = {n: s[f"waiting of {n}"] for n in fixed}
    group["steps"] = {n: s[f"steps of {n}"] for n in fixed}
    group["coefficients"] = {n: s[f"coefficient of {n}"] for n in step.coefficients}
    group["rings"] = {n: (s[f"ring of {n}"], s[f"length of {n}"]) for n in member.rings}
    group["outside"] = {n: (s[f"outside of {n}"], s[f"row of {n}"], s[f"lane of {n}"]) for n in member.outside}
    group["recorded"] = {n: s[f"record of {n}"] for n in member.recorded}
    group |= {n: s[n] for n in ("spikes", "bounds", *(["apart"] if member.several else []))}
    if member.emission is not None:
        group |= {n: s[n] for n in ("emitted", "slots", "stride")}
    if member.shown:
        group["shown"] = {n: s[f"shown {n}"] for n in member.shown}
        group["shown stride"] = s["shown stride"]
    group["drives"] = [{word: s[n] for word, n in drive_names(k).items()} for k in range(len(member.drives))]
    group["noises"] = {n: {word: s[name] for word, name in noise_names(n).items()} for n in member.noises}
    return group


@lru_cache(maxsize=64)
def wire_signature(form: Wire) -> Signature:
    """The arguments of a projection of that kind."""
    own = DRAWN if form.drawn is not None else _stored(form) if form.queue is None else _queued(form, form.queue)
    apart = ("pre_apart", "post_apart") if form.several else ()
    return Signature({**_ENDS, **own.arrays}, (*own.integers, "length", "padded", *apart))


def _stored(form: Wire) -> Signature:
    """Synapses that are kept: ``rows`` say where those of a cell begin and end, ``stride`` numbers from cell to cell."""
    arrays = {"rows": Array(I64, None, None, 2), "target": Array(ir.IntType(form.target_bits), None)}
    arrays |= code_arrays(form.code, "weight", None)
    integers = ["stride", "reach"]
    if form.by_block:
        arrays |= {"counts": Array(I8, None, None), "bin_target": Array(ir.IntType(16), None)}
        arrays |= {"bin_weight": Array(REAL, None), "bin_start": Array(I64, None), "bin_top": Array(I64, None)}
        integers += ["blocks", "first_block", "end_block"]
    if form.one_latency:
        integers.append("latency")
    else:
        arrays["latency"] = Array(ir.IntType(form.latency_bits), None)
    return Signature(arrays, integers)


#: the queues of a stream: numbers in a queue are ``turn_place``, and weights ``turn_weight`` or which of ``table``; of each queue
#: ``begin`` and ``top``, and whether some of it is ``over`` in ``far``; ``now`` is the queue of the present turn, and how much of
#: it has been added
QUEUES = {
    "turn_place": Array(I32, None),
    "turn_weight": Array(REAL, None),
    "begin": Array(I64, None),
    "top": Array(I64, None),
    "over": Array(I64, None),
    "now": Array(I64, None),
    "far": Array(REAL, ...),
}


@cache
def queue_signature() -> Signature:
    """The arguments of what adds the queues of a stream to its ring, of ``span`` steps."""
    return Signature({"ring": Array(REAL, ...), **QUEUES}, ("shift", "queues", "padded", "low", "high"))


def _queued(form: Wire, queue: QueueForm) -> Signature:
    """Synapses sorted by latency, with a table of counts of ``turns`` turns; ``tag`` names the weight of all."""
    arrays = {"rows": Array(I64, None, None, 2), "place": Array(I32, None), **QUEUES}
    arrays |= {"counts": Array(ir.IntType(queue.count_bits), None, None, None)}
    if not form.one_weight:
        arrays |= {"order": Array(ir.IntType(queue.order_bits), None), "staged": Array(REAL, None)}
    arrays |= code_arrays(form.code, "weight", None)
    return Signature(arrays, ("stride", "reach", "turns", "shift", "queues", "tag"))
