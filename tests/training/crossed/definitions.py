"""The gradient of every rule by its definition: autograd over the slow network with the rule's cuts, or its formula."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import torch

import ranvier as rv
from ranvier.connectivity import Sparse
from ranvier.training.scales import choose_scales
from tests.training.crossed.own_rule import LastSteps, last_steps
from tests.training.crossed.slow import Paths, Slow, State

Tensor = torch.Tensor
Gradient = dict[str, Tensor]
Loss = Callable[[Tensor], Tensor]
R = rv.rules


def collect(net: rv.Network) -> Gradient:
    return {n: torch.zeros_like(q) if q.grad is None else q.grad.clone() for n, q in net.named_parameters()}


def whole(net: rv.Network, x: Tensor, loss: Loss, paths: Paths = Paths(), window: int | None = None) -> Gradient:  # noqa: B008
    """Autograd over the unrolled network."""
    net.zero_grad()
    out, _, _ = Slow(net, paths).run(x, window)
    value = loss(out)
    if value.requires_grad:
        value.backward()
    return collect(net)


def truncated(net: rv.Network, x: Tensor, loss: Loss, window: int) -> Gradient:
    return whole(net, x, loss, window=window)


def of_last_steps(net: rv.Network, x: Tensor, loss: Loss, keep: int) -> Gradient:
    net.zero_grad()
    last_steps(net, x, loss, keep)
    return collect(net)


def kept_steps(net: rv.Network, x: Tensor, loss: Loss, keep: int) -> Gradient:
    """SLTT at ``keep`` random steps, scaled by T/keep; the network draws its stream of noise before they are chosen."""
    torch.manual_seed(1)
    torch.randint(0, 2**31 - 1, (1,))
    chosen = torch.randperm(len(x))[:keep]
    net.zero_grad()
    out, _, _ = Slow(net, Paths(carry=False, back=False, late=False)).run(x)
    leaf = out.detach().requires_grad_()
    (slope,) = torch.autograd.grad(loss(leaf), leaf)
    mask = torch.zeros(len(x), dtype=x.dtype)
    mask[chosen] = len(x) / keep
    out.backward(slope * mask.reshape(-1, *([1] * (out.ndim - 1))))
    return collect(net)


def eprop(net: rv.Network, x: Tensor, loss: Loss, feedback: str) -> Gradient:
    """Learning signals by feedback numbers times what each cell remembers of its own input."""
    net.zero_grad()
    slow = Slow(net, Paths(back=False, late=False, reset="level", layers=False))
    _, emissions, arrivals = slow.run(x)
    (output,) = net.outputs
    ports = [port for n, port in arrivals[0] if n == output]
    leaves = {port: torch.stack([a[output, port] for a in arrivals]).detach().requires_grad_() for port in ports}
    cell, out = slow.cells[output], []
    state = cell.start(x.shape[1], net.shape_of(output) or tuple(leaves[ports[0]].shape[2:]))
    for n in range(len(x)):
        state, emitted = cell.step(state, {port: y[n] for port, y in leaves.items()}, True)
        out.append(emitted)
    loss(torch.stack(out)).backward()
    total = torch.zeros((), dtype=x.dtype)
    for port, y in leaves.items():
        error = y.grad
        total = total + sum((arrivals[n][output, port] * error[n]).sum() for n in range(len(x)))
        for name in slow.cells:
            if name == output:
                continue
            z = torch.stack([e[name] for e in emissions])
            if z.requires_grad:
                total = total + (z * broadcast(net, slow, feedback, name, output, port, z, error)).sum()
    total.backward()
    return collect(net)


def broadcast(
    net: rv.Network, slow: Slow, feedback: str, name: str, output: str, port: str, z: Tensor, error: Tensor
) -> Tensor:
    """The learning signal of the cells ``name`` [T, B, …]: the errors of the steps in which their spikes arrive."""
    stream = net.graph.step(output).stream_of(port)
    if feedback == "random":
        B = drawn(f"{name}/{output}/{stream}", error[0, 0].numel(), z[0, 0].numel())
        return (later(error, steps_to(net, name, output)).flatten(2) @ B).view_as(z)
    signal = torch.zeros_like(z)
    for p in net.projections.values():
        if (p.pre, p.post, p.port) != (name, output, port):
            continue
        leaf = z.detach().requires_grad_()
        signal = signal + torch.autograd.grad(slow.brings(p, leaf), leaf, error)[0]
        if feedback == "adaptive":
            B = drawn(f"{p.name}/difference", error.shape[-1], z.shape[-1])
            signal = signal + later(error, p.latency) @ B
    return signal


def later(error: Tensor, steps: int) -> Tensor:
    """The error ``steps`` steps later; after the end there is none."""
    return torch.cat([error[steps:], torch.zeros_like(error[:steps])])


def steps_to(net: rv.Network, name: str, output: str) -> int:
    """The least sum of latencies on the way to the output; 0 where there is none."""
    found = {name: 0}
    for _ in net.projections:
        for p in net.projections.values():
            if p.pre in found:
                found[p.post] = min(found.get(p.post, 10**6), found[p.pre] + p.shortest)
    return found.get(output, 0)


def drawn(label: str, outputs: int, cells: int) -> Tensor:
    """Feedback numbers of seed 0: normal, of variance 1/cells."""
    seed = int.from_bytes(hashlib.sha256(f"0/{label}".encode()).digest()[:8], "little") >> 1
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(outputs, cells, generator=generator, dtype=torch.float64) / math.sqrt(cells)


def snap(net: rv.Network, x: Tensor, loss: Loss) -> Gradient:
    """d(state)/d(parameter) of one step at a time, thinned out to what one step can make."""
    net.zero_grad()
    out, _, _ = Slow(net).run(x)
    leaf = out.detach().requires_grad_()
    (slope,) = torch.autograd.grad(loss(leaf), leaf)
    names = [n for n, q in net.named_parameters() if q.requires_grad]
    found = {n: torch.zeros_like(q) for n, q in net.named_parameters()}
    for b in range(x.shape[1]):
        slow = Slow(net)
        leaves = {n: q for n, q in net.named_parameters() if q.requires_grad}
        state = slow.start(x[:, b : b + 1]).detach()
        masks: dict[str, Tensor] | None = None
        J: dict[str, Tensor] = {}
        for t in range(len(x)):
            state = _leaves(state)
            after, emitted, _ = slow.step(state, x[t, b : b + 1])
            before, now = _flat(state), _flat(after)
            if masks is None:
                masks = {n: _reach(net, state, q) for n, q in leaves.items()}
                J = {
                    n: torch.zeros(sum(v.numel() for v in before), q.numel(), dtype=x.dtype) for n, q in leaves.items()
                }
            inputs = [*leaves.values(), *before]
            y = emitted[net.outputs[0]]
            direct, error = _rows([y], inputs, len(names), slope[t, b : b + 1])
            for k, n in enumerate(names):
                found[n] += (direct[k] + error @ J[n]).sum(0).view_as(found[n])
            moved, A = _rows(now, inputs, len(names))
            J = {n: masks[n] * (A @ J[n] + moved[k]) for k, n in enumerate(names)}
            state = after.detach()
    return found


def _leaves(state: State) -> State:
    fresh = state.detach()
    for v in _flat(fresh):
        v.requires_grad_()
    return fresh


def _flat(state: State) -> list[Tensor]:
    return [
        *(v for own in state.variables.values() for k, v in own.items() if k != "left"),
        *(z for past in state.past.values() for z in past),
    ]


def _rows(
    values: list[Tensor], inputs: list[Tensor], count: int, seed: Tensor | None = None
) -> tuple[list[Tensor], Tensor]:
    """Derivatives of every number in ``values`` (or of one mixture of them) by parameters and by the state."""
    rows: list[list[Tensor]] = []
    for value in values:
        seeds = [seed] if seed is not None else list(torch.eye(value.numel(), dtype=value.dtype))
        for one in seeds:
            if not value.requires_grad:
                rows.append([torch.zeros(i.numel(), dtype=value.dtype) for i in inputs])
                continue
            found = torch.autograd.grad(value, inputs, one.view_as(value), retain_graph=True, allow_unused=True)
            rows.append(
                [(torch.zeros_like(i) if g is None else g).reshape(-1) for i, g in zip(inputs, found, strict=True)]
            )
    columns = [torch.stack([row[k] for row in rows]) for k in range(len(inputs))]
    return columns[:count], torch.cat(columns[count:], 1)


def _reach(net: rv.Network, state: State, q: Tensor) -> Tensor:
    """[state, q]: the cells that a parameter belongs to, and all that these reach without delay."""
    targets = {p.post for p in net.projections.values() if any(r is q for r in p.parameters())}
    targets |= {n for n, p in net.populations.items() if any(r is q for r in p.parameters())}
    reached, front = set(), list(targets)
    while front:
        pre = front.pop()
        after = {p.post for p in net.projections.values() if p.pre == pre and p.shortest == 0} - reached
        reached |= after
        front += after
    keys = [
        *((n, v) for n, own in state.variables.items() for k, v in own.items() if k != "left"),
        *((n, z) for n, past in state.past.items() for z in past),
    ]
    rows = []
    for n, v in keys:
        if n in reached:
            rows.append(torch.ones(v.numel(), q.numel(), dtype=q.dtype))
        elif n in targets:
            size = v.shape[-1]
            cell = torch.arange(len(q)).repeat_interleave(q.numel() // len(q)) if q.ndim else torch.zeros(1)
            for p in net.projections.values():
                if len(p.chain) and isinstance(p.chain[0], Sparse) and p.chain[0].weight is q:
                    cell = p.chain[0].post
            own = torch.arange(size).repeat(v.numel() // size)
            same = own[:, None] == cell[None] if q.ndim else torch.ones(v.numel(), 1, dtype=torch.bool)
            rows.append(same.to(q.dtype))
        else:
            rows.append(torch.zeros(v.numel(), q.numel(), dtype=q.dtype))
    return torch.cat(rows)


def evolved(net: rv.Network, x: Tensor, loss: Loss, population: int, sigma: float) -> Gradient:
    """1/(n sigma s) sum of u_i e_i over pairs +-s e, with the size s of each parameter.

    The first run draws its stream of noise, and so does every other again.
    """
    net.zero_grad()
    sizes = choose_scales(net, "auto", ready=False).factors
    learnt = [q for q in net.parameters() if q.requires_grad]
    size = [sizes.get(n, 1.0) for n, q in net.named_parameters() if q.requires_grad]
    before = [q.detach().clone() for q in learnt]
    found = [torch.zeros_like(q) for q in learnt]
    torch.manual_seed(1)
    torch.randint(0, 2**31 - 1, (1,))
    with torch.no_grad():
        for _ in range(population // 2):
            drawn = [torch.randn_like(q) for q in learnt]
            worth = []
            for sign in (1, -1):
                for q, p, e, s in zip(learnt, before, drawn, size, strict=True):
                    q.copy_(p + sign * sigma * s * e)
                worth.append(float(loss(Slow(net).run(x)[0])))
            for g, e, s in zip(found, drawn, size, strict=True):
                g += (worth[0] - worth[1]) / (population * sigma * s) * e
        for q, p in zip(learnt, before, strict=True):
            q.copy_(p)
    for q, g in zip(learnt, found, strict=True):
        q.grad = g
    return collect(net)


#: every rule by name, with the definition of its gradient
RULES: dict[str, tuple[R.Rule, Callable[[rv.Network, Tensor, Loss], Gradient]]] = {
    "BPTT": (R.BPTT(), whole),
    "BPTT, window": (R.BPTT(window=4), lambda n, x, f: truncated(n, x, f, 4)),
    "BPTT, checkpoint": (R.BPTT(checkpoint=3), whole),
    "BPTT, no reset": (R.BPTT(reset="detached"), lambda n, x, f: whole(n, x, f, Paths(reset=False))),
    "SLTT": (R.SLTT(window=5), lambda n, x, f: whole(n, x, f, Paths(carry=False, back=False, late=False))),
    "SLTT-K": (R.SLTT(keep=4, window=5), lambda n, x, f: kept_steps(n, x, f, 4)),
    "OTTT": (R.OTTT(window=5), lambda n, x, f: whole(n, x, f, Paths(back=False, late=False, reset=False))),
    "EProp, symmetric": (R.EProp(window=5), lambda n, x, f: eprop(n, x, f, "symmetric")),
    "EProp, random": (R.EProp(feedback="random", window=5), lambda n, x, f: eprop(n, x, f, "random")),
    "EProp, adaptive": (R.EProp(feedback="adaptive", window=5), lambda n, x, f: eprop(n, x, f, "adaptive")),
    "EventProp": (R.EventProp(), lambda n, x, f: whole(n, x, f, Paths(times=True))),
    "RTRL": (R.RTRL(window=4), whole),
    "SnAp1": (R.SnAp1(), snap),
    "Evolution": (
        R.EvolutionStrategies(population=4, sigma=0.05, ranks=False, window=5),
        lambda n, x, f: evolved(n, x, f, 4, 0.05),
    ),
    "a user's": (LastSteps(3), lambda n, x, f: of_last_steps(n, x, f, 3)),
}  # fmt: skip
