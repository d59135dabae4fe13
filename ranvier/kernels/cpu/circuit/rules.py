"""The plastic projections of a circuit: their sections, and the calls of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ranvier.kernels.cpu import graded
from ranvier.kernels.cpu.host.sections import Entry, Sections
from ranvier.kernels.cpu.plastic.pack import PlasticValues, pack_log, pack_plastic, sums_meet, unchanged
from ranvier.kernels.cpu.plastic.part import PlasticWire, plastic_calls
from ranvier.kernels.cpu.plastic.told import pack_told
from ranvier.kernels.tasks import Circuit

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.packed import Packed
    from ranvier.kernels.cpu.graded import Graded

__all__ = ["pack_rules"]


def pack_rules(
    task: Circuit, forms: Sequence[Graded | None], sections: Sections, packed: Mapping[str, Packed], width: int,
    meeting: Sequence[Entry],
) -> tuple[list[PlasticValues], list[Entry], list[Entry]]:  # fmt: skip
    """Fill the sections of plastic projections; their values after the run, and the calls of a step and at the end.

    ``forms`` are the kinds of those of whose synapses nothing changes; ``meeting`` is the call at which several threads meet.
    """
    if not task.plastic:
        return [], [], []
    told, telling = {}, []
    if meeting:
        rows = [q for q, form in zip(task.plastic, forms, strict=True) if q.pre and form is None]
        ends = ((q.pre or "", n) for q in rows for end, n in q.rule.cells if end == "pre")
        for pre, n in dict.fromkeys(ends):
            state, edges = packed[pre].state[n], packed[pre].shares.edges
            told[pre, n], call = pack_told(state, edges, sections, ("told", pre, n))
            telling.append(call)
    wires, values, alone = [], [], []
    for k, (q, form) in enumerate(zip(task.plastic, forms, strict=True)):
        key, sends = ("plastic", k), None
        still = form is not None and not q.rule.moving
        values.append(unchanged(q) if still else pack_plastic(q, sections, key, packed, task.steps, width, told))
        if form is not None:
            sends = Entry(graded.graded_kernel(form, task.dtype), ("sends", k))
            graded.pack_steady(q, form, sections, sends.key, packed, values[-1].parts)
        if still and sends is not None:
            alone.append(sends)
        else:
            wires.append(PlasticWire(q.rule, q.pattern.ascending, key, ("log", q.post), sends))
    for name in {q.post for q in task.plastic if q.rule.walks}:
        pack_log(packed[name], sections, ("log", name))
    step, end = plastic_calls(wires, task.dtype, meeting if any(map(sums_meet, task.plastic)) else ())
    return values, [*alone, *telling, *(meeting if telling else ()), *step], end
