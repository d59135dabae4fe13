"""A network that is one circuit, advanced some steps at a time: set up once, its values inside the circuit in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.kernels.drawing import step_counts
from ranvier.kernels.provider import CircuitSteps, OpensCircuit
from ranvier.kernels.tasks import Spikes
from ranvier.network.checks import MOST
from ranvier.network.plan.built import unit_of
from ranvier.network.run._circuit import circuit_task, take_circuit
from ranvier.network.run.bound_parts import BoundParts
from ranvier.network.run.chosen import Chosen
from ranvier.network.run.modes import own_precision
from ranvier.network.run.runner import Runner
from ranvier.network.run.window import Window
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.plan.plan import Plan, Unit

__all__ = ["BoundCircuit", "bind_circuit"]

Tensor = torch.Tensor
#: spikes for which there is room, of a population in which every cell fires in every step, and the most steps
_ROOM, _MOST_STEPS = 1 << 22, 1 << 12
#: bytes of weights that are compared before every step
_COMPARED = 1 << 20


class BoundCircuit(BoundParts):
    """A circuit that goes on from the state of ``window``, as long as :meth:`holds`.

    Tensors that count by ``versions`` are compared by how often torch has written to them.
    """

    def __init__(
        self, runner: Runner, unit: Unit, steps: CircuitSteps, window: Window, versions: Sequence[Tensor]
    ) -> None:
        super().__init__(runner.graph, (), ())
        self._runner, self._unit, self._steps, self._window = runner, unit, steps, window
        found = {n: s.counted(self.graph, stream=window.state.stream) for n, s in self.graph.sources.items()}
        self._laws = {n: counted for n, counted in found.items() if counted is not None}
        self._sources = [_Noted(s) for s in runner.graph.sources.values()]
        self._versions = [(t, t._version) for t in versions]
        self._kind = runner.graph.provider, runner.graph.device

    def serves(self, graph: Graph) -> bool:
        """Whether the network is made of the same parts, tensors, sources, hooks and providers, and no delay has changed."""
        if graph.dtype is not self.dtype or (graph.provider, graph.device) != self._kind:
            return False
        if len(self.graph.sources) != len(self._sources) or any(t._version != now for t, now in self._versions):
            return False
        sources = zip(self._sources, self.graph.sources.values(), strict=True)
        return all(noted.same(source) for noted, source in sources) and self.holds()

    @property
    def now(self) -> int:
        """The step at which it stands."""
        return self._window.start + self._steps.done

    def step(self, count: int) -> tuple[int, Mapping[str, Spikes]]:
        """The next ``count`` steps: what was found, and the spikes of each population."""
        if count > self._steps.room:
            self._go_on(max(count, room_for(self.graph)))
        found, fired = self._steps.step(count)
        return found, Chosen(fired, self._runner.record)

    def back(self, count: int) -> None:
        """Where it stood ``count`` steps before."""
        done, window = self._steps.done - count, self._window
        self._steps.begin(circuit_task(self._runner, self._unit, window))
        if done:
            self._steps.step(done)

    def state_now(self) -> State:
        """The values now as a state of its own."""
        window, emissions = self._window, dict(self._window.emissions)
        done = Window({}, self._steps.done, window.state)
        for n, (law, key) in self._laws.items():
            if n in window.history:
                kept, cells = min(done.count, window.history[n].shape[0]), window.history[n].shape[-1]
                drawn = step_counts(law, key, self.now - kept, kept, cells, 1, self.dtype)
                emissions[n] = torch.from_numpy(drawn)
        done.emissions = emissions
        if done.count:
            take_circuit(self._runner, self._unit, done, self._steps.result())
        return done.after() if done.count else window.state

    def _go_on(self, room: int) -> None:
        """Make room for more steps."""
        self._window = Window({}, room, self.state_now())
        self._steps.begin(circuit_task(self._runner, self._unit, self._window))


def bind_circuit(graph: Graph, plan: Plan, state: State) -> BoundCircuit | None:
    """The circuit of a plan, from ``state`` on; None where the plan has other parts, or the circuit must be run call by call."""
    unit = plan.units[0] if len(plan.units) == 1 else None
    if unit is None or not unit.pieces or graph.relays or graph.inputs or graph.processes is not None:
        return None
    firing = [n for n, p in graph.populations.items() if any(e.name == "spike" for e in p.cell.system.events)]
    with torch.no_grad(), own_precision():
        runner = Runner(graph, plan, dict.fromkeys(firing, ("spikes",)), lists=True)
        drawn = {*runner.drives, *plan.sent}
        noisy = any(not s.steady or s.parts or n not in _drawn(runner) for n, s in graph.sources.items())
        onto = any(p.plasticity or (p.pre in graph.sources and p.name not in drawn) for p in graph.projections.values())
        if runner.waits_long or noisy or onto or set(unit.members) != set(graph.populations):
            return None
        window = Window({}, room_for(graph), state)
        task = circuit_task(runner, unit, window)
        # where synapses have latencies of their own, spikes in flight have been sent with the weights of their step
        weights = [(q.weight, q.latencies is None) for q in task.projections if isinstance(q.weight, Tensor)]
        late = sum(t.nbytes for t, together in weights if not together)
        if late > _COMPARED or len(weights) < len(task.projections):
            return None
        read = {t.data_ptr() for t, together in weights if together and t.is_contiguous()}
        watched = [t for p in graph.populations.values() for t in (*p.parameters(), *p.buffers())]
        for p in graph.projections.values():
            floats = [t for t in (*p.parameters(), *p.buffers()) if t.dtype.is_floating_point]
            watched += [t for t in floats if t.data_ptr() not in read or t.dtype != graph.dtype]
        if not all(t.is_contiguous() and t.is_cpu for t in watched):
            return None
        opened: OpensCircuit = unit_of(plan, unit)  # pyright: ignore[reportAssignmentType]  (its provider offered it)
        steps = opened.open_circuit(task, [t for t in watched if t.numel()], MOST)
    if steps is None:
        return None
    delays = [q.latency for q in task.projections if isinstance(q.latency, Tensor)]
    return BoundCircuit(runner, unit, steps, window, [*delays, *_equal_weights(graph)])


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


class _Noted:
    """A source as it is: its attributes, and the numbers in its arrays."""

    def __init__(self, source: Any) -> None:
        self._source, self._held = source, dict(vars(source))
        self._arrays = [(a, a.copy()) for a in self._held.values() if isinstance(a, np.ndarray)]

    def same(self, source: Any) -> bool:
        """Whether it is this one, and nothing in it has changed."""
        own, held = vars(source), self._held
        if source is not self._source or own.keys() != held.keys() or any(own[n] is not v for n, v in held.items()):
            return False
        return all(np.array_equal(a, copy) for a, copy in self._arrays)
