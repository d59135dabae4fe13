"""Counts the operations of a network on a batch, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from ranvier.kernels.drawing import drawn_row
from ranvier.measure._averages import windows
from ranvier.measure._pairs import Pairs, convolved, each, matrices, of_task
from ranvier.measure.following import Following, tensors
from ranvier.measure.names import ADDITIONS, AVERAGES, OPERANDS, moves, name_of

if TYPE_CHECKING:
    from ranvier.connectivity import Transform
    from ranvier.kernels.tasks import Propagate
    from ranvier.network import Network

__all__ = ["Counter", "Tally"]

Tensor = torch.Tensor
_MATRICES = frozenset(["mm", "addmm", "bmm", "baddbmm", "addbmm", "linear", "mv", "addmv", "dot", "vdot"])
_CONVOLUTIONS = frozenset(["convolution", "mkldnn_convolution"])
_EACH = frozenset(["mul", "div"])
#: multiplications with additions, and additions, of every number
_NORMS = {
    "native_batch_norm": (1, 0), "_native_batch_norm_legit_no_training": (1, 0), "cudnn_batch_norm": (1, 0),
    "native_layer_norm": (2, 1), "native_group_norm": (2, 1),
}  # fmt: skip


_NONE = Pairs()


@dataclass
class Tally:
    """What was counted at a place, over all samples and steps."""

    pairs: Pairs = _NONE
    inputs: int = 0
    events: int = 0
    outputs: int = 0
    updates: int = 0
    arithmetic: int = 0
    cells: int = 0
    spikes: int = 0
    slots: int = 0
    convolved: int = 0
    steps: int = 1
    weights: dict[tuple[int, ...], tuple[int, int]] = field(default_factory=dict)


class Counter(Following):
    """Holds a tally for every place, and the numbers that operations took which are not counted."""

    def __init__(self) -> None:
        super().__init__()
        self.tallies: dict[str, Tally] = {}
        self.uncounted: dict[tuple[str, str], int] = {}
        self.state_bytes = 0
        self._last: Tally | None = None

    @property
    def tally(self) -> Tally:
        """That of the present place."""
        return self.tallies.setdefault(self.place, Tally())

    def count(self, pairs: Pairs, data: Tensor | None = None, weight: Tensor | None = None) -> None:
        """Add operations of the present place on ``data``, which a ``weight`` may carry."""
        tally = self._last = self.tally
        tally.pairs += pairs
        tally.steps = self.lead[0] if self.lead else 1
        if data is not None and weight is not None:
            events = int(torch.count_nonzero(data))
            tally.inputs += data.numel()
            tally.events += events
            tally.convolved += events if weight.ndim > 2 else 0
            key = (*weight.shape, weight.data_ptr())
            tally.weights.setdefault(key, (int((weight == 0).sum()), weight.numel()))

    def leave_out(self, operation: str, size: int) -> None:
        """List numbers of an operation that is not counted."""
        key = (self.place, operation.strip("_"))
        self.uncounted[key] = self.uncounted.get(key, 0) + size

    def see(self, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Count an operation of torch, or list it."""
        _, name = name_of(call)
        self._last = None
        if name in OPERANDS and name not in _NORMS:
            self._product(name, args)
        elif name in _NORMS:
            macs, acs = (k * args[0].numel() for k in _NORMS[name])
            self.count(Pairs(macs, acs, macs + acs))
        elif name in AVERAGES:
            self.count(_added(windows(name, args)), args[0])
        elif name in ("add", "sub", "rsub"):
            self._sum(args[0], args[1], kwargs.get("alpha", 1))
        elif name in ADDITIONS:
            self.count(_added(*(t for t in tensors(args) if self.follows(t))))
        elif not moves(call):
            self.leave_out(name, max((t.numel() for t in tensors((args, kwargs)) if self.follows(t)), default=0))

    def made(self, out: Any) -> None:
        """Note how many numbers a product gives."""
        if self._last is not None and self._last.weights and isinstance(out, Tensor):
            self._last.outputs += out.numel()

    def carry(self, task: Propagate, kind: str) -> Tensor:
        """Count the product of a task."""
        weight = next(t for t in task[1:] if isinstance(t, Tensor) and t.is_floating_point())
        self.weighted(kind, task.x, weight, lambda x: of_task(task))
        out = super().carry(task, kind)
        self.made(out)
        return out

    def drawn(self, x: Tensor, transform: Transform) -> None:
        """Count the synapses that are drawn for each cell that fires."""
        source: Any = transform.rows()
        fan = torch.tensor([len(drawn_row(source, k)) for k in range(x.shape[1])], dtype=torch.float64)
        self.count(each(x, transform.shared_weight().expand(len(fan)), lambda x, w: x.sum(0) @ (fan * w)))

    def joined(self, operands: list[Tensor]) -> None:
        """Multiply element by element."""
        for other in operands[1:]:
            self.count(_chosen(operands[0], other))

    def summed(self, x: Tensor) -> None:
        """Add what is not 0."""
        self.count(_added(x))

    def ran(self, net: Network, prefix: str, emitted: dict[str, Tensor], args: tuple[Any, ...], how: Any) -> None:
        """Count updates of states, and the operations in the equations of cells."""
        steps, batch = next(iter(emitted.values())).shape[:2]
        every = {name: tuple(x.shape[2:]) for name, x in emitted.items()}
        shapes = {name: every[name] for name in net.inputs}
        state = net.initial_state(1, shapes=every)
        self.state_bytes += sum(t.numel() * t.element_size() for t in state.tensors().values())
        table = net.summary(shapes=shapes)
        for name, population in net.populations.items():
            variables = state.variables[name].values()
            x = emitted.get(name)
            with self.at(prefix + name):
                tally = self.tally
                tally.steps = steps
                tally.updates += steps * batch * sum(v.numel() for v in variables)
                tally.arithmetic += steps * batch * (table[name].operations or 0)
                tally.cells = max([0, *(v.numel() for v in variables)] if x is None else [math.prod(x.shape[2:])])
                if x is not None and population.cell.fires:
                    tally.spikes += int(torch.count_nonzero(x))
                    tally.slots += x.numel()
        for p in net.projections.values():
            if p.plasticity is not None:
                with self.at(prefix + p.name):
                    self.leave_out("rule of plasticity", p.transform.operations((), ()) or 0)
            elif p.pre not in emitted:
                with self.at(prefix + p.name):
                    self.leave_out("spikes of a source", 0)

    def weighted(self, operation: str, data: Tensor, weight: Tensor, how: Callable[[Tensor], Pairs]) -> None:
        """Count the product of data with weights; ``how`` counts that of some of the data."""
        self.count(how(data), data, weight)

    def _product(self, name: str, args: tuple[Any, ...]) -> None:
        a, b = (args[k] if k < len(args) else None for k in OPERANDS[name])
        if name in _EACH or name in ("addcmul", "addcdiv"):
            self._chosen(name, a, b)
            return
        how = _way(name, args)
        if how is None or not isinstance(a, Tensor) or not isinstance(b, Tensor):
            self.leave_out(name, sum(t.numel() for t in tensors((a, b)) if self.follows(t)))
        elif self.follows(a) and self.follows(b):
            self.count(how(a, b), a)
        elif self.follows(a):
            self.weighted(name, a, b, lambda x: how(x, b))
        elif self.follows(b):
            self.weighted(name, b, a, lambda x: how(a, x))

    def _chosen(self, name: str, a: Any, b: Any) -> None:
        """A product of single numbers: a multiplication, unless a 1 or -1 only chooses."""
        if name.endswith("div") and isinstance(b, Tensor) and b.numel() > 1 and self.follows(b):
            self.leave_out("division", max(t.numel() for t in tensors((a, b))))
            return
        like = a if isinstance(a, Tensor) else b
        self.count(_chosen(*(t if isinstance(t, Tensor) else like.new_tensor(t) for t in (a, b))))

    def _sum(self, a: Any, b: Any, factor: float) -> None:
        if isinstance(a, Tensor) and isinstance(b, Tensor) and self.follows(a) and self.follows(b):
            both = int(((a != 0) & (b != 0)).sum())
            numbers = torch.broadcast_shapes(a.shape, b.shape).numel()
            self.count(Pairs(0, both, numbers))
            if abs(factor) != 1:
                self.count(_chosen(b, b.new_tensor(factor)))


def _way(name: str, args: tuple[Any, ...]) -> Callable[[Tensor, Tensor], Pairs] | None:
    """How the products of two operands are counted; None where they are not."""
    if name in _CONVOLUTIONS:
        return lambda x, w: convolved(x, w, *args[3:9])
    if name == "linear":
        return lambda x, w: matrices(x.reshape(-1, x.shape[-1]), w.T)
    if name in ("ger", "addr"):
        return lambda a, b: matrices(a[:, None], b[None])
    if name in _MATRICES:
        return lambda a, b: matrices(a if a.ndim > 1 else a[None], b if b.ndim > 1 else b[:, None])
    return None


def _chosen(a: Tensor, b: Tensor) -> Pairs:
    """Products element by element: those with a 0, 1 or -1 only choose."""
    numbers = torch.broadcast_shapes(a.shape, b.shape).numel()
    graded = ((a != 0) & (a.abs() != 1)) & ((b != 0) & (b.abs() != 1))
    return Pairs(int(graded.expand(torch.broadcast_shapes(a.shape, b.shape)).sum()), 0, numbers)


def _added(*of: Tensor) -> Pairs:
    return Pairs(0, sum(int(torch.count_nonzero(x)) for x in of), sum(x.numel() for x in of))
