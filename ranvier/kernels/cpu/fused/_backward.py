"""The backward pass of a fused operation: steps in reverse, then the gradients of weights and inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from ranvier.kernels.cpu.events.transpose import transposed
from ranvier.kernels.cpu.fused._forward import Made
from ranvier.kernels.cpu.fused._synapses import Listed
from ranvier.kernels.cpu.fused.near_threshold import near_kernel
from ranvier.kernels.cpu.fused.span import Rows, Span
from ranvier.kernels.cpu.fused.synapse_kernels import copy_kernel
from ranvier.kernels.cpu.host.schedule import Call, Schedule, Turns, run_queues, run_turns
from ranvier.kernels.cpu.scan import kernels
from ranvier.kernels.tasks import Fused

__all__ = ["WayBack", "run", "totals_of"]

Tensor = torch.Tensor
Key = tuple[str, str]


class _Adjoint:
    """One population in the backward pass: its incoming gradients, and those that it computes."""

    def __init__(
        self, task: Fused, made: Made, name: str, incoming: Mapping[str, Tensor | None], needs: Mapping[Key, bool],
        in_turns: bool, repeated: bool,
    ) -> None:  # fmt: skip
        member, scan, names = made.members[name], task.members[name], made.names[name]
        self.member = member
        late = scan.cuts.recurrent_spikes  # else spikes of earlier steps pass nothing back
        self.links = [
            made.links[k]
            for k, f in enumerate(task.feedback)
            if f.pre == name and k in made.links and f.latency < scan.steps and (late or not f.latency)
        ]
        self.flights = [f for f in made.flights.values() if f.feedback.pre == name and late]
        self.synapses = [(k, s) for k, s in made.sent(name) if late or not s.reach]
        self.fired = made.fired.get(name)
        asks = self.links or self.flights or self.synapses
        seeds = tuple(n for n in names.outputs if (asks and n == task.emission) or incoming.get(n) is not None)
        dtype = str(scan.dtype).removeprefix("torch.")
        self.kernel = kernels.backward_kernel(
            scan.step, dtype, scan.cuts, seeds, names.wanted, names.saved, names.same
        )  # fmt: skip
        chunk = made.spans.chunk
        self.seeds: dict[str, Rows] = {}
        for n in seeds:
            mine = n == task.emission
            own = bool(mine and self.flights) or (repeated and incoming.get(n) is not None)
            self.seeds[n] = member.gradient_rows(incoming.get(n), scan.steps, own)
        self.given = dict(self.seeds)
        self.asked_of = self.seeds.get(task.emission)
        if (self.links or self.synapses) and not self.flights:
            self.seeds[task.emission] = member.scratch(chunk)
        self.asked = self.seeds.get(task.emission)
        self.lam = {n: member.gradient_vector(incoming.get(f"state:{n}")) for n in self.kernel.states}
        self.rows_of = {
            n: member.streams[n] if n in member.streams else member.out[names.emitted_as.get(n, n)] for n in names.saved
        }
        self.dtype, self.emission, self.saved, self.sent = dtype, task.emission, names.saved, dict(made.sent(name))
        self.gradient: dict[str, Rows] = {}
        into = [link for link in made.links.values() if link.post == name]
        read = {f.stream for k, f in made.feeds.items() if f.post == name and needs[f"feeds:{k}", "source"]}
        for n in self.kernel.streams:
            if in_turns and (n in names.same or not needs.get((name, n))) and n not in read:
                self.gradient[n] = member.scratch(chunk)
                continue
            if made.margin(name, n) is not None:
                self.gradient[n] = made.rows_of_time(name, n)
                continue
            latest = min(scan.steps, max((f.latency for f in into if f.stream == n), default=0))
            self.gradient[n] = Rows(member.new(scan.steps + latest))
            self.gradient[n].tensor[scan.steps :].zero_()  # nothing arrives after the last step
        self.totals = {
            k: torch.zeros_like(s.kept["weight"]) for k, s in made.sent(name) if needs[f"feedback:{k}", "weight"]
        }
        self.asked_cells = Listed(member, 1) if self.synapses and task.emission in self.kernel.seeds else None
        self.sums = {n: torch.zeros(member.padded, dtype=scan.dtype) for n in self.kernel.sums}

    def renew(self, incoming: Mapping[str, Tensor | None]) -> None:
        """Begin again with other gradients of the same outputs."""
        for n, rows in self.given.items():
            g = incoming.get(n)
            if g is not None:
                rows.tensor[:, : self.member.count] = g.reshape(-1, self.member.count)
        for lam in self.lam.values():
            lam.zero_()

    def calls(self, span: Span, found: Mapping[str, _Adjoint]) -> list[Call]:
        """Gradients from its targets, then its own adjoint."""
        out: list[Call] = []
        if self.links and self.asked is not None and self.asked_of is not None:
            initial = self.asked_of.for_turn(span)
            for link in self.links:
                gradient = found[link.post].gradient[link.stream]
                out += link.hand_back(span, gradient, initial, self.asked)
                initial = self.asked
        if self.asked_cells is not None:
            out += self._from_synapses(span, found, self.asked_cells)
        out.append(
            self.member.call(
                self.kernel.kernel, span, state=self.lam, seed=self.seeds, kept=self.rows_of, stream=self.gradient,
                sum=self.sums,
            )
        )  # fmt: skip
        for k, total in self.totals.items():
            if self.fired is not None:
                link = self.sent[k]
                out.append(link.collect(self.fired, span, found[link.target].gradient[link.stream], total))
        return out

    def _from_synapses(self, span: Span, found: Mapping[str, _Adjoint], cells: Listed) -> list[Call]:
        """Gradients to spikes through single synapses, for cells with a nonzero derivative at the threshold."""
        member, out = self.member, []
        if self.asked is None or self.asked_of is None:
            return out
        near = near_kernel(member.scan.step, self.dtype, self.emission, self.saved)
        factor = member.scratch(1)
        out.append(member.call(near.kernel, span, kept=self.rows_of, factor={"near": factor}))
        out.append(cells.look(factor, span))
        if not self.links and self.asked is not self.asked_of:
            stride = 0 if self.asked_of.uniform else member.cells
            start, stop = span.rows(member.batch)
            out.append(
                Call(
                    copy_kernel(member.scan.dtype), source=self.asked_of.place(span), out=self.asked.place(span),
                    start=start, stop=stop, columns=member.cells, stride=stride,
                )
            )  # fmt: skip
        for _, link in self.synapses:
            gradient = found[link.target].gradient[link.stream]
            out.append(link.hand_back(cells, span, gradient, self.asked))
        return out


class WayBack:
    """The backward pass, set up: its calls and their sums.

    Parameters
    ----------
    parts
        Spans by thread; by default those of the forward pass.
    in_turns, block
        Whether weight gradients are summed in the turn that finds the gradient of what arrived, and rows in such a turn.
    repeated
        For incoming gradients that are renewed.
    """

    def __init__(
        self, task: Fused, made: Made, incoming: Mapping[str, Mapping[str, Tensor | None]], needs: Mapping[Key, bool],
        totals: Mapping[str, Tensor], parts: Sequence[Sequence[Span]] | None = None, in_turns: bool | None = None,
        block: int | None = None, repeated: bool = False,
    ) -> None:  # fmt: skip
        self.made, self.totals = made, totals
        self.in_turns = made.in_turns if in_turns is None else in_turns
        self.block = block or made.spans.block or 1
        self.parts = made.spans.parts if parts is None else parts
        self.adjoints = {n: _Adjoint(task, made, n, incoming[n], needs, self.in_turns, repeated) for n in made.members}

    def work(self) -> list[list[Turns]]:
        """The work of each thread."""
        order = list(reversed(self.made.members))
        return [
            [Turns([c for n in order for c in self._calls(n, s)], s.turns, reverse=True) for s in reversed(part)]
            for part in self.parts
        ]

    def queues(self) -> list[list[tuple[int, Schedule]]]:
        """The same as schedules with their numbers of turns."""
        return [[(turns.count, Schedule(turns.calls)) for turns in part] for part in self.work()]

    def _calls(self, name: str, span: Span) -> list[Call]:
        out, batch = self.adjoints[name].calls(span, self.adjoints), self.made.members[name].batch
        for key, total in self.totals.items() if self.in_turns else ():
            source = self.made.summed[key]
            if source.post == name:
                gradient = self.adjoints[name].gradient[source.stream]
                out += source.add(span, gradient, batch, self.block, total)
        return out

    def arrived(self, post: str, stream: str, steps: int) -> Tensor:
        """The gradient [T * B, N] to the arrivals, where it is kept."""
        return self.made.members[post].rows(self.adjoints[post].gradient[stream].tensor[:steps], 0, steps).contiguous()

    def sum(self, name: str, key: str) -> Tensor:
        """The gradient of a coefficient, [*shape], or of a stream that is the same at all steps, [1, *shape]."""
        found, member = self.adjoints[name], self.made.members[name]
        whole = member.unpadded(found.sums[key]).to(torch.float64)
        return whole.unsqueeze(0) if key in member.scan.step.streams else whole


def run(
    task: Fused, made: Made, incoming: Mapping[str, Mapping[str, Tensor | None]], needs: Mapping[Key, bool]
) -> dict[Key, Tensor]:
    """Gradients of everything that needs one, before they are summed to the shapes given."""
    steps = next(iter(task.members.values())).steps
    totals = totals_of(made, needs) if made.in_turns else {}
    way = WayBack(task, made, incoming, needs, totals)
    if made.flights:
        first = way.parts[0][0] if steps else None
        order = reversed(made.members)
        schedules = {n: Schedule(way.adjoints[n].calls(first, way.adjoints)) for n in order} if first else {}
        _in_windows(task, made, way.adjoints, schedules, steps)
    else:
        run_queues(way.queues(), reverse=True)
    out = _collect(task, made, way, needs, steps)
    return out | {(key, "weight"): transposed(total) for key, total in totals.items()}


def totals_of(made: Made, needs: Mapping[Key, bool]) -> dict[str, Tensor]:
    """Sums of weight gradients, [K, N]."""
    wanted = {k: s for k, s in made.summed.items() if needs[k, "weight"]}
    return {k: torch.zeros(s.sizes, dtype=s.kept["weight"].dtype) for k, s in wanted.items()}


def _in_windows(
    task: Fused, made: Made, adjoints: Mapping[str, _Adjoint], schedules: Mapping[str, Schedule], steps: int
) -> None:
    for flight in made.flights.values():
        flight.listen(adjoints[flight.feedback.post].gradient[flight.feedback.stream].tensor[:steps])
    for start in reversed(range(0, steps, task.window)):
        stop = min(start + task.window, steps)
        for name in schedules:
            asked = adjoints[name].asked
            for flight in adjoints[name].flights:
                if asked is not None and start + flight.feedback.latency < steps:
                    last = min(stop, steps - flight.feedback.latency)
                    made.members[name].add(asked.tensor, start, last, flight.hand_back(start, last))
            schedules[name].run(start, stop, reverse=True)
            for flight in made.flights.values():
                if flight.feedback.post == name:
                    flight.land(start, stop)


def _collect(task: Fused, made: Made, way: WayBack, needs: Mapping[Key, bool], steps: int) -> dict[Key, Tensor]:
    out: dict[Key, Tensor] = {}

    for key, source in made.summed.items():
        if needs[key, "weight"] and not made.in_turns:
            gradient = way.arrived(source.post, source.stream, steps)
            out[key, "weight"] = source.weight_gradient(gradient, made.spans.block)
    for k, feed in made.feeds.items():
        if needs[f"feeds:{k}", "source"]:
            gradient = feed.source_gradient(way.arrived(feed.post, feed.stream, steps))
            out[f"feeds:{k}", "source"] = gradient.view(feed.shape)
    for k, link in made.links.items():
        if needs.get((f"feedback:{k}", "history")) and link.latency:
            gradient = way.arrived(link.post, link.stream, steps)
            out[f"feedback:{k}", "history"] = link.history_gradient(gradient)
    for k, link in made.synapses.items():
        gradient = way.adjoints[link.target].gradient[link.stream]
        total = way.adjoints[link.source].totals.get(k)
        if total is not None:
            run_turns(link.collect_early(gradient, total))
            out[f"feedback:{k}", "weight"] = total.reshape(link.shape)
        earlier = link.history_gradient(gradient) if needs.get((f"feedback:{k}", "history")) else None
        if earlier is not None:
            out[f"feedback:{k}", "history"] = earlier
    for k, flight in made.flights.items():
        if needs[f"feedback:{k}", "weight"]:
            out[f"feedback:{k}", "weight"] = flight.tap_gradient()
        earlier = flight.history_gradient() if needs.get((f"feedback:{k}", "history")) else None
        if earlier is not None:
            out[f"feedback:{k}", "history"] = earlier
    for name in task.members:
        found, member = way.adjoints[name], made.members[name]
        for n, g in found.gradient.items():
            if needs.get((name, n)) and n not in found.sums:
                out[name, n] = member.shaped(g.tensor, steps)
        for n, g in found.lam.items():
            if needs.get((name, n)):
                out[name, n] = member.unpadded(g)
        out |= {(name, n): way.sum(name, n) for n in found.sums if needs.get((name, n))}
    return out
