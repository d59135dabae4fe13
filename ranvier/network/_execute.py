"""The executor: windows of steps outside, parts in topological order inside.

Acyclic parts advance over a whole window at once; a cycle in windows of its shortest latency, so that everything that
arrives in a window was fired before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch.utils.checkpoint import checkpoint

from ranvier.errors import ShapeError
from ranvier.kernels import reference
from ranvier.kernels._task import Loop, Scan, ScanResult
from ranvier.kernels.cpu import Spikes
from ranvier.kernels.cpu import loop as cpu_loop
from ranvier.kernels.cpu import scan as cpu_scan
from ranvier.network._compiled import add_arrival, compiled_loop
from ranvier.network._noise import noise_block
from ranvier.network._plan import Plan
from ranvier.network._plastic import PlasticSynapses
from ranvier.network._state import State

if TYPE_CHECKING:
    from ranvier.network._network import Network

__all__ = ["Execution", "execute"]

Tensor = torch.Tensor


@dataclass
class Execution:
    """What a run of the executor returns.

    ``recorded`` holds streams [T, B, …] by (population, variable); ``spikes`` those that a compiled loop gave as a list.
    """

    recorded: dict[tuple[str, str], Tensor]
    state: State
    spikes: dict[str, Spikes] = field(default_factory=dict)


def execute(
    net: Network, plan: Plan, inputs: Mapping[str, Tensor], steps: int, state: State, record: Mapping[str, tuple[str, ...]],
    cut_reset: bool = False, every: int = 1,
) -> Execution:  # fmt: skip
    """Advance ``net`` by ``steps`` steps; ``inputs[name]`` are streams [T, B, …].

    ``every`` is the recording interval in steps of compiled loops; other parts record every step.
    """
    runner = _Runner(net, plan, record, cut_reset, every)
    border = plan.window or plan.checkpoint or steps
    pieces: dict[tuple[str, str], list[Tensor]] = {}
    for first in range(0, steps, border) if steps else (0,):
        count = min(border, steps - first)
        block = {n: x[first : first + count] for n, x in inputs.items()}
        if plan.checkpoint and torch.is_grad_enabled():
            out, state = checkpoint(runner.window, block, count, state, use_reentrant=False, preserve_rng_state=False)
        else:
            out, state = runner.window(block, count, state)
        for key, value in out.items():
            pieces.setdefault(key, []).append(value)
        if plan.window and first + count < steps:
            state = state.detach()
    return Execution({key: values[0] if len(values) == 1 else torch.cat(values) for key, values in pieces.items()}, state, runner.spikes)


class _Runner:
    """One call's view of a network: coefficients are computed once, streams are looked up by name."""

    def __init__(self, net: Network, plan: Plan, record: Mapping[str, tuple[str, ...]], cut_reset: bool, every: int) -> None:
        self.net, self.plan, self.record, self.cut_reset, self.every = net, plan, record, cut_reset, every
        self.spikes: dict[str, Spikes] = {}
        self.dtype = net.dtype
        self.incoming = {n: [p for p in net.projections.values() if p.post == n] for n in net.nodes}
        self.steps = {n: p.step(net.kicks(n)) for n, p in net.populations.items()}
        self.plastic = {n: PlasticSynapses(p, net.dt, self.dtype, net.seed) for n, p in net.projections.items() if p.plasticity}
        self.coefficients = {n: reference.coefficients(self.steps[n], p.values(), net.dt) for n, p in net.populations.items()}

    def window(self, inputs: Mapping[str, Tensor], count: int, state: State) -> tuple[dict[tuple[str, str], Tensor], State]:
        """All parts over one window."""
        emissions: dict[str, Tensor] = dict(inputs)
        variables = {n: dict(v) for n, v in state.variables.items()}
        self.synapses = {n: dict(v) for n, v in state.synapses.items()}
        recorded: dict[tuple[str, str], Tensor] = {}
        for part in self.plan.parts:
            names = [n for n in part.members if n not in inputs]
            if not names:
                continue
            if part.members in self.plan.loops:
                compiled_loop(self, names, count, state, emissions, variables, recorded)
            elif part.members in self.plan.fused:
                self._fused(names, part.window or 1, count, state, emissions, variables, recorded)
            elif part.cyclic:
                self._cycle(names, part.window or 1, count, state, emissions, variables, recorded)
            else:
                arrivals = self._arrivals(names[0], emissions, state.history, count)
                self._advance(names[0], arrivals, count, state, emissions, variables, recorded, state.step)
        history = {n: torch.cat([h, emissions[n]])[emissions[n].shape[0] :] for n, h in state.history.items()}
        return recorded, State(state.step + count, variables, history, self.synapses, state.stream)

    def _arrivals(self, name: str, emissions: Mapping[str, Tensor], history: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
        """What arrives at each port of ``name`` during the window; projections into one port are summed."""
        out: dict[str, Tensor] = {}
        for projection in self.incoming[name]:
            value = self.carry(projection, emissions[projection.pre], history.get(projection.pre), count)
            out[projection.port] = out[projection.port] + value if projection.port in out else value
        return out

    def carry(self, projection, x: Tensor | None, history: Tensor | None, count: int) -> Tensor:
        if history is None:
            history = x[:0]
        return projection(x, history, count, self.plan.provider(projection.name) == "cpu")

    def _scan(self, name: str, arrivals: Mapping[str, Tensor], count: int, state: State, before: Mapping[str, Tensor], start: int) -> Scan:
        """The task of one population over a window."""
        step, population = self.steps[name], self.net.populations[name]
        emit = _emission(population.cell.emit)
        also = tuple(_emission(v) for v in self.record.get(name, ()))
        wanted = tuple(dict.fromkeys((*([emit] if emit else []), *also)))
        some = next(iter(before.values()), None)
        shape = tuple(some.shape) if some is not None else tuple(next(iter(arrivals.values())).shape[1:])
        streams = self.streams(name, step, arrivals, count, shape, state, start)
        return Scan(step, count, shape, self.dtype, streams, before, self.coefficients[name], wanted, self.cut_reset)

    def _take(self, name: str, result: ScanResult, emissions: dict[str, Tensor], variables: dict, recorded: dict) -> None:
        variables[name] = dict(result.states)
        emit = _emission(self.net.populations[name].cell.emit)
        if emit:
            emissions[name] = result.emitted[emit]
        for variable in self.record.get(name, ()):
            recorded[name, variable] = result.emitted[_emission(variable)]

    def _advance(
        self, name: str, arrivals: Mapping[str, Tensor], count: int, state: State, emissions: dict[str, Tensor], variables: dict,
        recorded: dict[tuple[str, str], Tensor], start: int,
    ) -> None:  # fmt: skip
        if name not in self.net.populations:
            emissions[name] = arrivals["x"]
            return
        task = self._scan(name, arrivals, count, state, variables[name], start)
        result = (cpu_scan if self.plan.provider(name) == "cpu" else reference.scan)(task)
        self._take(name, result, emissions, variables, recorded)

    def _fused(self, names, window, count, state, emissions, variables, recorded) -> None:
        """A cyclic part as one differentiable operation."""
        members, feedback = {}, []
        for n in names:
            arrivals: dict[str, Tensor] = {}
            kicks = self.steps[n].kicks
            for p in self.incoming[n]:
                if p.pre in names:
                    stream = f"kick_{p.port}" if p.port in kicks else p.port
                    bias, found = p.feedback(state.history.get(p.pre), stream)
                    feedback += found
                    if bias is not None:
                        add_arrival(arrivals, p.port, bias)
                else:
                    add_arrival(arrivals, p.port, self.carry(p, emissions[p.pre], state.history.get(p.pre), count))
            members[n] = self._scan(n, arrivals, count, state, variables[n], state.step)
        for n, result in cpu_loop(Loop(members, tuple(feedback), window)).items():
            self._take(n, result, emissions, variables, recorded)

    def streams(self, name, step, arrivals, count, shape, state, start) -> dict[str, Tensor]:
        out = {}
        ports = {(f"kick_{p}" if p in step.kicks else p): p for p in arrivals}
        for stream in step.streams:
            if stream in ports:
                x = arrivals[ports[stream]]
                try:
                    out[stream] = x.to(self.dtype).expand(count, *shape)
                except RuntimeError:
                    raise ShapeError(
                        f"what arrives at {name}.{ports[stream]} has shape {tuple(x.shape)} [T, B, …], but the population holds {shape} [B, …]."
                    ) from None
            elif stream == "t":
                time = (torch.arange(start, start + count, dtype=torch.float64) * self.net.dt).to(self.dtype)
                out[stream] = time.reshape(count, *(1 for _ in shape)).to(self.net.device)
            elif stream in step.system.noises:
                out[stream] = noise_block(self.net.seed, f"{name}.{stream}", state.stream, start, count, shape).to(self.net.device, self.dtype)
            else:
                out[stream] = torch.zeros((1,) * (len(shape) + 1), dtype=self.dtype, device=self.net.device)
        return out

    def _cycle(self, names, window, count, state, emissions, variables, recorded) -> None:
        """A cyclic part in short windows; what comes from outside is carried over the whole window first."""
        inside = set(names)
        plastic = [self.plastic[p.name] for n in names for p in self.incoming[n] if p.plasticity]
        outside: dict[str, list[tuple[str, Tensor]]] = {n: [] for n in names}
        for n in names:
            for p in self.incoming[n]:
                if p.pre not in inside and not p.plasticity:
                    outside[n].append((p.port, self.carry(p, emissions[p.pre], state.history.get(p.pre), count)))
        past = {n: state.history[n] for n in names if n in state.history}
        tapes = {
            s.projection.pre: torch.cat([state.history[s.projection.pre], emissions[s.projection.pre]])
            for s in plastic
            if s.projection.pre not in inside
        }
        pieces: dict[str, list[Tensor]] = {n: [] for n in names}
        kept: dict[tuple[str, str], list[Tensor]] = {}
        for first in range(0, count, window):
            length = min(window, count - first)
            now: dict[str, Tensor] = {}
            delivered = self._react(plastic, first, tapes, past, variables) if plastic else {}
            for n in names:
                arrivals: dict[str, Tensor] = {}
                for port, value in outside[n]:
                    add_arrival(arrivals, port, value[first : first + length])
                for port, value in delivered.get(n, ()):
                    add_arrival(arrivals, port, value)
                for p in self.incoming[n]:
                    if p.pre in inside and not p.plasticity:
                        add_arrival(arrivals, p.port, self.carry(p, now.get(p.pre), past.get(p.pre), length))
                fresh: dict[tuple[str, str], Tensor] = {}
                self._advance(n, arrivals, length, state, now, variables, fresh, state.step + first)
                for key, value in fresh.items():
                    kept.setdefault(key, []).append(value)
            for n in names:
                if n in now:
                    pieces[n].append(now[n])
                    if n in past:
                        past[n] = torch.cat([past[n], now[n]])[now[n].shape[0] :]
            for s in plastic:
                if (state.step + first + 1) % self.every == 0:
                    for v in self.record.get(s.projection.name, ()):
                        kept.setdefault((s.projection.name, v), []).append(self.synapses[s.projection.name][v].unsqueeze(0))
        emissions.update({n: torch.cat(values) for n, values in pieces.items() if values})
        recorded.update({key: torch.cat(values) for key, values in kept.items()})

    def _react(self, plastic, first, tapes, past, variables) -> dict[str, list[tuple[str, Tensor]]]:
        """The arrival phase of plastic projections: deliver and on_pre, then on_post; their variables advance after it."""
        delivered: dict[str, list[tuple[str, Tensor]]] = {}
        looks = []
        for s in plastic:
            p, values = s.projection, self.synapses[s.projection.name]
            cells = s.cells(variables.get(p.pre), variables[p.post])
            tape, position = (tapes[p.pre], self._depth(p.pre) + first) if p.pre in tapes else (past[p.pre], past[p.pre].shape[0])
            spikes = s.arrived(tape, position)
            delivered.setdefault(p.post, []).append((p.port, s.deliver(spikes, values)))
            self.synapses[p.name] = s.react("on_pre", spikes, values, cells)
            looks.append(cells)
        for s, cells in zip(plastic, looks, strict=True):
            name = s.projection.name
            values = s.react("on_post", s.fired(past[s.projection.post][-1]), self.synapses[name], cells)
            self.synapses[name] = s.advance(values, cells)
        return delivered

    def _depth(self, name: str) -> int:
        return max(p.depth for p in self.net.projections.values() if p.pre == name)


def _emission(name: str | None) -> str | None:
    """A name as the user says it (spikes, v) as the program's output."""
    if name is None:
        return None
    return "spike" if name == "spikes" else name if name == "spike" else f"{name}:out"
