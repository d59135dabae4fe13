"""A network one step at a time, in plain torch: what every rule is compared with.

It reads of a network who projects where, raw parameters and whole steps; weights in use, cells, delays and the paths a
gradient may take are written out here once more, without any kernel, plan or adjoint of the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

import ranvier as rv
from ranvier.connectivity import Sparse
from tests.training.crossed.cells import CELLS, Cell
from tests.training.crossed.linear import LINEAR

Tensor = torch.Tensor
_CONVOLUTIONS = {nn.Conv1d: functional.conv1d, nn.Conv2d: functional.conv2d, nn.Conv3d: functional.conv3d}


@dataclass(frozen=True)
class Paths:
    """Which paths a gradient may take.

    ``carry``: from a state to the state before; ``back``: with the carry to the cells before, otherwise only within the
    step; ``late``: through spikes that come back later in a cycle; ``reset``: through resets (``"level"``: not of what is compared);
    ``layers``: from one population to another at all; ``times``: spikes carry their time.
    """

    carry: bool = True
    back: bool = True
    late: bool = True
    reset: bool | str = True
    layers: bool = True
    times: bool = False


@dataclass
class State:
    """Variables by population, and past emissions by part, the latest last."""

    variables: dict[str, dict[str, Tensor]]
    past: dict[str, list[Tensor]]

    def detach(self) -> State:
        return State(
            {n: {k: v.detach() for k, v in own.items()} for n, own in self.variables.items()},
            {n: [z.detach() for z in past] for n, past in self.past.items()},
        )


def straight(raw: Tensor, used: Tensor) -> Tensor:
    """``used`` in value, with the gradient of ``raw``."""
    return raw + (used - raw).detach()


def weight_of(module: nn.Module) -> Tensor:
    """The weights in use, from the raw ones: of the wrong sign 0, beyond a bound the bound, then in storage."""
    storage = getattr(module, "storage", None)
    if storage is not None and module.packed is not None:
        return numbers(storage, module.packed.codes) * module.packed.scale
    raw, used = module.weight, module.weight.detach()
    if isinstance(module, Sparse):
        low, high = module.bounds
        used = used.clamp(low, high) if low is not None or high is not None else used
    elif getattr(module, "sign", None) is not None:
        used = used * (module.sign * used >= 0)
    if storage is not None:
        used = in_storage(storage, used, module)
    return straight(raw, used)


def numbers(storage: object, codes: Tensor) -> Tensor:
    """What the codes of int8 and bfloat16 stand for, in float64."""
    if storage.name == "int8":
        return codes.double()
    return (codes.to(torch.int32) << 16).view(torch.float32).double()


def in_storage(storage: object, weight: Tensor, module: nn.Module) -> Tensor:
    """Int8: steps of a 127th of the largest weight of each output; bfloat16: 8 significant bits."""
    if storage.name == "bfloat16":
        return weight.to(torch.bfloat16).to(weight.dtype)
    if isinstance(module, Sparse):
        step = weight.abs().max() / 127
    else:
        outputs = 1 if isinstance(module, nn.ConvTranspose2d) else 0
        step = weight.abs().movedim(outputs, 0).flatten(1).amax(1) / 127
        step = step.reshape([-1 if k == outputs else 1 for k in range(weight.ndim)])
    return torch.round(weight / step) * step


class Slow:
    """``net`` in plain torch. ``replaced`` puts tensors in the place of parameters, by identity."""

    def __init__(self, net: rv.Network, paths: Paths = Paths()) -> None:
        self.net, self.paths = net, paths
        self.cells: dict[str, Cell] = {n: (CELLS | LINEAR)[p.cell.name](p, net.dt) for n, p in net.populations.items()}
        self.order, self.rounds = self._order(), {p.name: self._returns(p) for p in net.projections.values()}
        self.depth: dict[str, int] = {}
        for p in net.projections.values():
            self.depth[p.pre] = max(self.depth.get(p.pre, 0), self.latest(p))

    def latest(self, p: object) -> int:
        first = p.chain[0] if len(p.chain) else None
        if getattr(first, "delay", None) is not None:
            return p.lag + -(-int(first.delay.high / self.net.dt + 0.999999) // 1)
        return int(p.bound_transform.table.max()) if p.bound_transform.table is not None else p.latency

    def _returns(self, p: object) -> bool:
        """Whether what ``p`` carries can come back to where it was fired."""
        seen, front = set(), [p.post]
        while front:
            here = front.pop()
            seen.add(here)
            front += [q.post for q in self.net.projections.values() if q.pre == here and q.post not in seen]
        return p.pre in seen

    def _order(self) -> list[str]:
        left, out = [*self.net.populations, *self.net.relays], []
        while left:
            waits = {
                p.post for p in self.net.projections.values()
                if p.pre in left and p.shortest == 0 and p.post in left
            }  # fmt: skip
            out += [n for n in left if n not in waits]
            left = [n for n in left if n in waits]
        return out

    def start(self, x: Tensor) -> State:
        """Initial variables and silence, for inputs [T, B, …]."""
        batch, shapes = x.shape[1], {next(iter(self.net.inputs)): tuple(x.shape[2:])}
        for n in self.order:
            shapes[n] = self._shape(n, shapes)
        variables = {n: c.start(batch, shapes[n]) for n, c in self.cells.items()}
        past = {n: [x.new_zeros(batch, *shapes[n])] * d for n, d in self.depth.items()}
        return State(variables, past)

    def _shape(self, name: str, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        known = self.net.shape_of(name)
        if known is not None:
            return known
        p = next(q for q in self.net.projections.values() if q.post == name and q.pre in shapes)
        zeros = torch.zeros(2, *shapes[p.pre], dtype=self.net.dtype)
        with torch.no_grad():
            return tuple(self._chain(p, zeros, held=True).shape[1:])

    def step(self, state: State, x: Tensor) -> tuple[State, dict[str, Tensor], dict[tuple[str, str], Tensor]]:
        """The state after one step, what each part emitted, and what arrived at each port."""
        paths = self.paths
        if not paths.carry:
            state = State(state.detach().variables, state.past)
        emitted: dict[str, Tensor] = {next(iter(self.net.inputs)): x}
        variables, arrived = {}, {}
        for n in self.order:
            own: dict[str, Tensor] = {}
            way_back: dict[str, Tensor] = {}
            for p in self.net.projections.values():
                if p.post != n:
                    continue
                value, back = self._arrival(p, state, emitted, n in self.cells)
                own[p.port] = own[p.port] + value if p.port in own else value
                if back is not None:
                    way_back[p.port] = way_back[p.port] + back if p.port in way_back else back
            arrived.update({(n, port): value for port, value in own.items()})
            if n not in self.cells:
                emitted[n] = own["x"]
                continue
            cell = self.cells[n]
            if paths.times:
                variables[n], emitted[n] = cell.timed(state.variables[n], own, way_back)
                continue
            variables[n], emitted[n] = cell.step(state.variables[n], own, paths.reset)
            if way_back:
                both = {port: own[port] + way_back.get(port, 0) for port in own}
                emitted[n] = cell.step(state.variables[n], both, paths.reset)[1]
        past = {n: [*state.past[n], emitted[n]][1:] if d else [] for n, d in self.depth.items()}
        return State(variables, past), emitted, arrived

    def _arrival(
        self, p: object, state: State, emitted: Mapping[str, Tensor], cells: bool
    ) -> tuple[Tensor, Tensor | None]:
        paths = self.paths
        cut = not paths.layers or (self.latest(p) > 0 and self.rounds[p.name] and not paths.late)
        split = cells and not cut and (paths.times or (paths.carry and not paths.back))
        value = self._carried(p, state, emitted, cut or split, held=False)
        if not split:
            return value, None
        back = self._carried(p, state, emitted, False, held=True)
        return value, back - back.detach()

    def _carried(self, p: object, state: State, emitted: Mapping[str, Tensor], cut: bool, held: bool) -> Tensor:
        """What arrives now: emissions of the steps before, through the chain."""
        tape = [*state.past.get(p.pre, []), *([emitted[p.pre]] if p.pre in emitted else [])]
        if p.pre not in emitted:
            tape.append(torch.zeros_like(tape[-1]))  # fired later in this step, so it cannot arrive yet
        ago = (lambda k: tape[len(tape) - 1 - k].detach()) if cut else (lambda k: tape[len(tape) - 1 - k])
        first = p.chain[0] if len(p.chain) else None
        delay = getattr(first, "delay", None)
        if p.bound_transform.table is None and delay is None:
            return self._chain(p, ago(p.latency), held)
        weight = weight_of(first)
        if delay is None:
            taps = [(weight, p.bound_transform.table)]
        elif delay.width is not None:
            taps = self._bell(weight, delay, p.lag)
        else:
            d = straight(delay.position, delay.position.detach().clamp(delay.low, delay.high)) / self.net.dt
            d = d.expand(weight.shape)
            low = d.detach().floor().clamp(max=-(-delay.high // self.net.dt) - 1)
            taps = [(weight * (1 - (d - low)), p.lag + low), (weight * (d - low), p.lag + low + 1)]
        total = 0
        for w, steps in taps:
            w = w.detach() if held else w
            for k in range(int(steps.max()) + 1):
                total = total + self._product(first, ago(k), torch.where(steps == k, w, 0.0))
        bias = getattr(first, "bias", None)
        if bias is not None:
            bias = bias.detach() if held else bias
            total = total + bias.reshape(-1, *([1] * (total.ndim - 2)))
        return self._modules(total, list(p.chain)[1:], held)

    def _bell(self, weight: Tensor, delay: nn.Module, lag: int) -> list[tuple[Tensor, Tensor]]:
        """A share of the weight on every step up to the longest: a normalised Gaussian around the delay."""
        dt, longest = self.net.dt, int(-(-delay.high // self.net.dt))
        d = straight(delay.position, delay.position.detach().clamp(delay.low, delay.high)) / dt
        width = straight(delay.width, delay.width.detach().clamp(min=0.27 * dt)) / dt
        bell = [torch.exp(-((j - d) ** 2) / (2 * width**2)) for j in range(longest + 1)]
        total = sum(bell) + 1e-7
        steps = torch.zeros(weight.shape)
        return [(weight * e / total, steps + lag + j) for j, e in enumerate(bell)]

    def _product(self, module: nn.Module, x: Tensor, weight: Tensor) -> Tensor:
        if isinstance(module, Sparse):
            table = torch.zeros(module.sizes[1], module.sizes[0], dtype=x.dtype)
            return x @ table.index_put((module.post, module.pre), weight.expand(len(module)), accumulate=True).T
        if isinstance(module, nn.ConvTranspose2d):
            more = (module.output_padding, module.groups, module.dilation)
            return functional.conv_transpose2d(x, weight, None, module.stride, module.padding, *more)
        for kind, convolve in _CONVOLUTIONS.items():
            if isinstance(module, kind):
                return convolve(x, weight, None, module.stride, module.padding, module.dilation, module.groups)
        return x @ weight.T

    def brings(self, p: object, z: Tensor) -> Tensor:
        """What arrives over a projection in every step, for emissions [T, B, …] after silence, the weights held."""
        past, out = [torch.zeros_like(z[0])] * self.depth[p.pre], []
        for now in z:
            out.append(self._carried(p, State({}, {p.pre: past}), {p.pre: now}, cut=False, held=True))
            past = [*past, now][1:] if past else past
        return torch.stack(out)

    def _chain(self, p: object, x: Tensor, held: bool) -> Tensor:
        return self._modules(x, list(p.chain), held)

    def _modules(self, x: Tensor, chain: list[nn.Module], held: bool) -> Tensor:
        for module in chain:
            if hasattr(module, "weight") and not hasattr(module, "running_mean"):
                w, b = weight_of(module), getattr(module, "bias", None)
                w, b = (None if q is None else q.detach() if held else q for q in (w, b))
                x = self._product(module, x, w)
                x = x if b is None else x + b.reshape(-1, *([1] * (x.ndim - 2)))
            elif hasattr(module, "running_mean"):
                x = self._norm(module, x, held)
            else:
                x = module(x)  # pools and shapes, which have no parameters
        return x

    def _norm(self, module: nn.Module, x: Tensor, held: bool) -> Tensor:
        gain, bias = module.weight, module.bias
        gain = gain * getattr(module, "alpha", 1.0) * getattr(module, "V_th", 1.0)
        gain, bias = (q.detach() if held else q for q in (gain, bias))
        axes = (0, *range(2, x.ndim))
        shape = (1, -1, *([1] * (x.ndim - 2)))
        mean, var = module.running_mean, module.running_var
        if module.training:
            mean, var = x.mean(axes), x.var(axes, correction=0)
        scale = gain / torch.sqrt(var + module.eps)
        return (x - mean.reshape(shape)) * scale.reshape(shape) + bias.reshape(shape)

    def run(self, x: Tensor, window: int | None = None) -> tuple[Tensor, list[dict], list[dict]]:
        """The output [T, B, …] of the one output, emissions and arrivals of every step; cut every ``window`` steps."""
        state, emissions, arrivals = self.start(x), [], []
        for n, now in enumerate(x):
            if window and n and n % window == 0:
                state = state.detach()
            state, emitted, arrived = self.step(state, now)
            emissions.append(emitted)
            arrivals.append(arrived)
        return torch.stack([e[self.net.outputs[0]] for e in emissions]), emissions, arrivals
