"""Arguments of a circuit: a section for the whole, one for each population and one for each projection."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from llvmlite import ir

from ranvier.kernels.cpu.circuit._drawn import DRAWN
from ranvier.kernels.cpu.circuit._drive import drive_names, drive_signature, noise_names, noise_signature
from ranvier.kernels.cpu.circuit.fired import fixed_counters
from ranvier.kernels.cpu.circuit.form import Member, Wire
from ranvier.kernels.cpu.circuit.graded import GradedForm, graded_signature
from ranvier.kernels.cpu.host.sections import Section, Sections
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.host.weights import code_arrays
from ranvier.kernels.cpu.llvm.functions import F64, I8, I32, I64, at
from ranvier.kernels.cpu.llvm.load_weight import Code
from ranvier.kernels.cpu.plastic.tables import plastic_signature

__all__ = ["CIRCUIT", "graded", "population", "population_values", "sections", "wire"]

#: key of the section of the whole
CIRCUIT = "circuit"
_CIRCUIT = Signature(
    {"flags": Array(I64, ...)}, ("first", "steps", "every", "depth", "together", "thread", "threads")
)  # fmt: skip
_HEAD = ("cells", "padded", "low", "high", "block", "thread", "capacity")


def population(k: int) -> tuple[str, int]:
    """Key of the section of population ``k``."""
    return "population", k


def wire(k: int) -> tuple[str, int]:
    """Key of the section of projection ``k``."""
    return "wire", k


def graded(k: int) -> tuple[str, int]:
    """Key of the section of graded projection ``k``."""
    return "graded", k


def sections(members: Sequence[Member], wires: Sequence[Wire], forms: Sequence[GradedForm] = ()) -> Sections:
    """All sections of a circuit."""
    signatures = {population(k): _population(m) for k, m in enumerate(members)}
    signatures |= {wire(k): _wire(w) for k, w in enumerate(wires)}
    signatures |= {graded(k): graded_signature(form.one_latency) for k, form in enumerate(forms)}
    return Sections({CIRCUIT: _CIRCUIT, **signatures})


@lru_cache(maxsize=256)
def _population(member: Member) -> Signature:
    step, fixed, held = member.step, fixed_counters(member), dict.fromkeys(member.step.exact, F64)
    arrays = {f"state of {n}": Array(held.get(n, REAL), "padded") for n in step.states}
    arrays |= {f"counter of {n}": Array(I32 if n in fixed else REAL, "padded") for n in step.counters}
    arrays |= {f"free of {n}": Array(I64, None) for n in fixed}
    arrays |= {f"coefficient of {n}": Array(F64 if held else REAL, ...) for n in step.coefficients}
    arrays |= {f"ring of {n}": Array(REAL, ...) for n in member.rings}
    arrays |= {f"outside of {n}": Array(held.get(n, REAL), ...) for n in member.outside}
    arrays |= {f"record of {n}": Array(held.get(step.output_of(n), REAL), None, "padded") for n in member.recorded}
    arrays |= {
        "fired": Array(I64, None),
        "found": Array(I32, None),
        "lists": Array(I64, None),
        "borders": Array(I64, None),
    }
    arrays |= {"past": Array(I32, None), "past_bounds": Array(I64, None)}
    arrays |= {"log": Array(I32, None), "counts": Array(I32, None)}
    integers = [*_HEAD, *(f"{word} of {n}" for n in fixed for word in ("waiting", "steps"))]
    integers += [f"length of {n}" for n in member.rings]
    integers += [f"{word} of {n}" for n in member.outside for word in ("row", "lane")]
    if member.emission is not None:
        arrays["emitted"] = Array(REAL, None, "stride")
        integers += ["slots", "stride"]
    for drawn in (*map(drive_signature, range(len(member.drives))), *map(noise_signature, member.noises)):
        arrays |= drawn.arrays
        integers += drawn.integers
    return Signature(arrays, integers)


def population_values(member: Member, s: Section) -> dict:
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
    group |= {n: s[n] for n in ("lists", "borders", "past", "past_bounds", "log", "counts")}
    group["spikes"] = own_array(b, group["lists"], group["thread"], I32)
    group["bounds"] = own_array(b, group["borders"], group["thread"], I64)
    if member.emission is not None:
        group |= {n: s[n] for n in ("emitted", "slots", "stride")}
    group["drives"] = [{word: s[n] for word, n in drive_names(k).items()} for k in range(len(member.drives))]
    group["noises"] = {n: {word: s[name] for word, name in noise_names(n).items()} for n in member.noises}
    return group


def own_array(b: ir.IRBuilder, table: ir.Value, thread: ir.Value, kind: ir.Type) -> ir.Value:
    """The array of a thread, in a table of addresses."""
    return b.inttoptr(b.load(at(b, table, thread)), kind.as_pointer())


def _wire(form: Wire) -> Signature:
    if form.rule is not None:
        return plastic_signature(form.rule)
    return (
        DRAWN
        if form.drawn is not None
        else _stored(form.by_block, form.one_latency, form.latency_bits, form.target_bits, form.code)
    )


@lru_cache(maxsize=64)
def _stored(by_block: bool, one_latency: bool, latency_bits: int, target_bits: int, code: Code | None) -> Signature:
    """Synapses that are kept: ``rows`` say where those of a cell begin and end, ``stride`` numbers from cell to cell."""
    arrays = {"rows": Array(I64, None, None, 2), "target": Array(ir.IntType(target_bits), None)}
    arrays |= code_arrays(code, "weight", None)
    integers = ["stride", "reach"]
    if by_block:
        arrays |= {"counts": Array(I8, None, None), "bin_target": Array(ir.IntType(16), None)}
        arrays |= {"bin_weight": Array(REAL, None), "bin_start": Array(I64, None), "bin_top": Array(I64, None)}
        integers += ["blocks", "first_block", "end_block"]
    if one_latency:
        integers.append("latency")
    else:
        arrays["latency"] = Array(ir.IntType(latency_bits), None)
    return Signature(arrays, integers)
