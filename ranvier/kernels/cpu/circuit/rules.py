"""The plastic projections of a circuit: their sections, and the calls of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ranvier.kernels.cpu.host.sections import Entry, Sections
from ranvier.kernels.cpu.plastic.pack import PlasticValues, pack_log, pack_plastic, sums_meet
from ranvier.kernels.cpu.plastic.part import PlasticWire, plastic_calls
from ranvier.kernels.cpu.plastic.told import pack_told
from ranvier.kernels.tasks import Circuit

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.packed import Packed

__all__ = ["pack_rules"]


def pack_rules(
    task: Circuit, sections: Sections, packed: Mapping[str, Packed], width: int, meeting: Sequence[Entry]
) -> tuple[list[PlasticValues], list[Entry], list[Entry]]:
    """Fill the sections of plastic projections; their values after the run, and the calls of a step and at the end.

    ``meeting`` is the call at which several threads meet.
    """
    if not task.plastic:
        return [], [], []
    told, telling = {}, []
    if meeting:
        ends = ((q.pre, n) for q in task.plastic if q.pre for end, n in q.rule.cells if end == "pre")
        for pre, n in dict.fromkeys(ends):
            state, ranges = packed[pre].state[n], packed[pre].shares.ranges
            told[pre, n], call = pack_told(state, ranges, sections, ("told", pre, n))
            telling.append(call)
    wires, values = [], []
    for k, q in enumerate(task.plastic):
        wires.append(PlasticWire(q.rule, q.pattern.ascending, ("plastic", k), ("log", q.post)))
        values.append(pack_plastic(q, sections, wires[-1].key, packed, task.steps, width, told))
    for name in {q.post for q in task.plastic if q.rule.walks}:
        pack_log(packed[name], sections, ("log", name))
    step, end = plastic_calls(wires, task.dtype, meeting if any(map(sums_meet, task.plastic)) else ())
    return values, [*telling, *(meeting if telling else ()), *step], end
