"""A network that is one circuit, which draws its own sources: its task, and the numbers that are read once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ranvier.network.run._circuit import circuit_task
from ranvier.network.run.modes import own_precision
from ranvier.network.run.runner import Runner
from ranvier.network.run.window import Window

if TYPE_CHECKING:
    from ranvier.kernels.tasks import Circuit
    from ranvier.network.graph import Graph
    from ranvier.network.plan.plan import Plan, Unit
    from ranvier.network.state.state import State

__all__ = ["OneCircuit", "one_circuit", "room_for"]

Tensor = torch.Tensor
#: spikes for which there is room, of a population in which every cell fires in every step, and the most steps
_ROOM, _MOST_STEPS = 1 << 22, 1 << 12


class OneCircuit(NamedTuple):
    """The task of a circuit with the tensors that it does not read in place: ``watched`` by their bytes, ``versions`` by torch's
    count of changes."""

    runner: Runner
    unit: Unit
    window: Window
    task: Circuit
    watched: list[Tensor]
    versions: list[Tensor]


def one_circuit(graph: Graph, plan: Plan, state: State, room: int, compared: int) -> OneCircuit | None:
    """The circuit of a plan with room for so many steps from ``state`` on; None where the plan has other parts, something must be
    found anew in every call, or weights of more than ``compared`` bytes would be watched."""
    unit = plan.units[0] if len(plan.units) == 1 else None
    if unit is None or not unit.pieces or graph.relays or graph.inputs or graph.processes is not None:
        return None
    if any(p.storage is not None for p in graph.projections.values()):  # stored numbers are decoded in every call
        return None
    firing = [n for n, p in graph.populations.items() if p.cell.fires]
    with torch.no_grad(), own_precision():
        runner = Runner(graph, plan, dict.fromkeys(firing, ("spikes",)), lists=True)
        drawn = {*runner.drives, *plan.sent}
        noisy = any(not s.steady or s.parts or n not in _drawn(runner) for n, s in graph.sources.items())
        onto = any(p.plasticity or (p.pre in graph.sources and p.name not in drawn) for p in graph.projections.values())
        if runner.waits_long or noisy or onto or set(unit.members) != set(graph.populations):
            return None
        window = Window({}, room, state)
        task = circuit_task(runner, unit, window)
    # where synapses have latencies of their own, spikes in flight have been sent with the weights of their step
    weights = [(q.weight, q.latencies is None) for q in task.projections if isinstance(q.weight, Tensor)]
    late = sum(t.nbytes for t, together in weights if not together)
    if late > compared or len(weights) < len(task.projections):
        return None
    read = {t.data_ptr() for t, together in weights if together and t.is_contiguous()}
    watched = [t for p in graph.populations.values() for t in (*p.parameters(), *p.buffers())]
    for p in graph.projections.values():
        floats = [t for t in (*p.parameters(), *p.buffers()) if t.dtype.is_floating_point]
        watched += [t for t in floats if t.data_ptr() not in read or t.dtype != graph.dtype]
    if not all(t.is_contiguous() and t.is_cpu for t in watched):
        return None
    delays = [q.latency for q in task.projections if isinstance(q.latency, Tensor)]
    return OneCircuit(runner, unit, window, task, [t for t in watched if t.numel()], [*delays, *_equal_weights(graph)])


def room_for(graph: Graph) -> int:
    """Steps of a circuit that is advanced some steps at a time, before it begins anew."""
    cells = max((int(np.prod(p.shape or ())) for p in graph.populations.values()), default=1)
    return max(16, min(_ROOM // max(1, cells), _MOST_STEPS))


def _drawn(runner: Runner) -> set[str]:
    """Sources that the circuit draws by itself."""
    return {runner.graph.projections[n].pre for n in runner.drives} | runner.senders.keys()


def _equal_weights(graph: Graph) -> list[Tensor]:
    """Weights of single synapses that count as one number, as all are equal."""
    found = [(p.transform.weight, p.transform.shared_weight()) for p in graph.projections.values()]
    return [weight for weight, one in found if one.numel() == 1 < weight.numel()]
