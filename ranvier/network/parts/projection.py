"""A projection: what one population emits, carried to one port of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.chain import Chain
from ranvier.connectivity.hooks import quiet
from ranvier.connectivity.operand import Operand, entry, separate
from ranvier.connectivity.sequence_place import Place
from ranvier.connectivity.transform import Transform
from ranvier.errors import RanvierError, ShapeError
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import Feedback
from ranvier.network.order import GraphError
from ranvier.noting import Noting
from ranvier.storages import Storage

if TYPE_CHECKING:
    from ranvier.connectivity import Sparse
    from ranvier.synapses import BoundPlasticity

__all__ = ["Projection"]

Tensor = torch.Tensor
#: what a map raises for samples that it cannot take
_MISFITS = (IndexError, RuntimeError, TypeError, ValueError)


class Projection(Noting):
    """Emissions of ``pre`` arrive at ``port`` of ``post`` through a chain of transforms.

    ``lag`` are the steps between an emission and its earliest arrival, ``dt`` the time step in ms; delays of the first
    transform come on top. ``latency`` is in steps: one number for all synapses, or the lag where each has its own.
    ``compiled`` is what the circuit has worked out about its rule of plasticity, ``domains`` the size of each domain
    of the rule and the member of each synapse.
    """

    compiled: dict[tuple, Any]
    domains: dict[Any, tuple[int, Tensor]]
    latency_table: Tensor | None

    def __init__(
        self, name: str, pre: str, post: str, port: str, chain: Sequence[nn.Module], lag: int = 0,
        plasticity: BoundPlasticity | None = None, *, dt: float, seed: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name, self.pre, self.post, self.port = name, pre, post, port
        self.plasticity, self.compiled, self.domains = plasticity, {}, {}
        self.chain = Chain(chain)
        first = self.transform
        bound = first.bind(Binding(dt, lag, seed, name))
        self.dt, self.lag, self.latency = dt, lag, bound.latency
        self.register_buffer("latency_table", bound.table if first.own_table is None else None)
        self.per_synapse = bound.per_synapse
        self._placed = first.module, first.has_delay or plasticity is not None
        if first.delay is not None and plasticity is not None:
            raise ShapeError(
                f"projection {name!r}: a plasticity rule reads fixed delays; give delay= a time, an array or a distribution."
            )
        self._span()
        self.check_chain()

    def check_chain(self) -> None:
        """Refuse a chain of modules that were replaced in it where this would need other latencies or another rule.

        Raises
        ------
        ShapeError
            A delay stands elsewhere than in the first transform.
        GraphError
            The first transform is another one than was connected, and either has a delay, or synapses of a rule.
        """
        first, *others = self.chain.transforms or (self.transform,)
        if any(later.has_delay for later in others):
            raise ShapeError(
                f"projection {self.name!r}: only the first transform of a chain can have a delay; put a population (or Relay) between."
            )
        module, bound = self._placed
        if first.module is not module and (bound or first.has_delay):
            raise GraphError(
                f"projection {self.name!r}: its first transform was replaced, but delays and rules of plasticity are fixed when "
                f"a projection is connected; build the network with the new transform."
            )

    def _span(self) -> None:
        """``shortest`` and ``depth``, the first and the last step on which anything can arrive."""
        self.shortest, self.depth = self.bound_transform.span

    @property
    def transform(self) -> Transform:
        """The first of the chain, which may have delays and an event path."""
        chain: Chain = self._modules["chain"]  # pyright: ignore[reportAssignmentType]
        return chain.first  # a frequent look-up, so it reads the table of torch directly

    @property
    def bound_transform(self) -> BoundTransform:
        """The first transform with its steps here; the projection keeps those that belong to it, so that they are saved."""
        first, table = self.transform, self.latency_table
        return BoundTransform(first, self.dt, self.lag, self.latency, first.own_table if table is None else table)

    @property
    def lets_go(self) -> bool:
        """Whether what arrives is new memory that autograd does not keep: the result of a plain convolution or matrix."""
        operands = self.chain.operands
        return bool(operands) and operands[-1].map.lets_go

    @property
    def matrix_operand(self) -> Operand | None:
        """The one dense matrix that the projection is, with a single latency and a way for spikes; None for any other."""
        operands = self.chain.operands
        if len(operands) != 1 or self.per_synapse or self.plasticity is not None:
            return None
        only = operands[0]
        return only if only.map.is_matrix and only.map.event_path else None

    @property
    def by_spike(self) -> bool:
        """Whether anything happens when the presynaptic cell fires."""
        return self.plasticity is None or self.plasticity.by_spike

    @property
    def synapses(self) -> Sparse:
        """The single synapses of a projection made by a rule."""
        first = self.transform
        if first.pattern() is None:
            raise GraphError(
                f"projection {self.name!r} has no single synapses: connect with a rule such as rv.AllToAll()."
            )
        return first  # pyright: ignore[reportReturnType]

    @property
    def bound(self) -> BoundPlasticity:
        """The rule of a plastic projection, bound to its cells."""
        if self.plasticity is None:
            raise GraphError(f"projection {self.name!r} is not plastic: connect with plasticity=….")
        return self.plasticity

    def forward(
        self, x: Tensor | None, history: Tensor, *, steps: int, carrier: Runnable | None = None,
        place: Place | None = None,
    ) -> Tensor:  # fmt: skip
        """Arrivals during ``steps`` steps.

        ``history`` [depth or more, B, …] holds the emissions before the window, ``x`` those of the window itself, or None
        where every latency is at least ``steps``. ``carrier`` computes the products; None: as the reference does.
        ``place`` is the window's, for maps that differ from step to step or draw for a whole sequence.
        """
        operands = self.chain.operands
        if any(o.map.whole_steps not in (None, steps) for o in operands):
            self.check_steps(steps)
        if self.per_synapse:
            now = history.new_zeros(steps, *history.shape[1:]) if x is None else x
            first, *others = operands[0].of_samples(now.ndim - 2)
            out = self._tried(first, now, lambda: first.delayed(now, history, self.bound_transform, carrier))
            return self._rest(out, (*others, *operands[1:]), carrier, place)
        x, k = self.entering(x, history, steps), entry(operands)
        if k < len(operands) and operands[k].map.event_path:
            flat = self._rest(x, operands[:k], carrier, place)
            first, *others = operands[k].of_samples(flat.ndim - 2)
            if first.map.event_path:
                out = self._tried(first, flat, lambda: first.carry(flat, carrier))
                return self._rest(out, (*others, *operands[k + 1 :]), carrier, place)
        return self._rest(x, operands, carrier, place)

    @property
    def whole_steps(self) -> int | None:
        """Steps of the sequences that its transforms map at once; None where they map every step by itself."""
        return next((t.whole_steps for t in self.chain.transforms if t.whole_steps is not None), None)

    def check_steps(self, steps: int) -> None:
        """Refuse another number of steps than its transforms map at once."""
        for t in self.chain.transforms:
            if (refusal := t.refuses_steps(steps)) is not None:
                raise ShapeError(f"{self.where}: {t.kind} {refusal}")

    def entering(self, x: Tensor | None, history: Tensor, steps: int) -> Tensor:
        """The emissions that enter the transforms during ``steps`` steps, where all synapses have one latency."""
        k = self.latency
        if x is None and k < steps:
            raise ShapeError(
                f"projection {self.name!r} has a latency of {k} steps: {steps} steps need the emissions of the window itself."
            )
        if k or x is None:
            past = history[history.shape[0] - k :]
            return past[:steps] if x is None or k >= steps else torch.cat([past, x])[:steps]
        return x

    @property
    def has_products(self) -> bool:
        """Whether torch's autocast concerns it: it has a map, and no single synapses, rule or delay for each synapse."""
        if self.per_synapse or self.plasticity is not None:
            return False
        first = self.transform
        operands = self.chain.operands
        return first.pattern() is None and first.differentiable and entry(operands) < len(operands)

    def not_by_event(self) -> str | None:
        """Why spikes are not carried one by one, as a sentence; None where they are."""
        if self.per_synapse:
            return None
        operands = self.chain.operands
        k = entry(operands)
        first = operands[k].map if k < len(operands) else self.chain.first
        if not first.differentiable:
            return "its synapses are drawn when a cell fires"
        if not first.event_path:
            return first.computed_as or "no event path for this transform"
        return None

    @property
    def matrix_shape(self) -> tuple[int, ...] | None:
        """Rows and columns of the matrix that weighs the emissions; None where it is none, or has a delay per synapse."""
        operands = self.chain.operands
        k = entry(operands)
        known = not self.per_synapse and k < len(operands) and operands[k].map.is_matrix
        return operands[k].map.weight_shape if known else None

    @property
    def storage(self) -> Storage | None:
        """How its weights lie in memory, where there are stored numbers alone."""
        return next((o.map.storage for o in self.chain.operands if o.map.stored is not None and not o.before), None)

    def matrix(self) -> Tensor | None:
        """The effective weights [post, pre] where the whole chain is one dense matrix; None for any other."""
        return self.chain.matrix()

    def feedback(
        self, history: Tensor | None, stream: str, stored: bool = False
    ) -> tuple[Tensor | None, list[Feedback]]:
        """This projection as part of a fused operation: (constant bias or None, what it carries); ``stored`` numbers as they are."""
        operands = self.chain.operands
        if len(operands) != 1 or not operands[0].map.event_path:
            raise GraphError(
                f"projection {self.name!r} is neither Linear nor single synapses: the cycle cannot be fused."
            )
        first = operands[0].map
        pattern = first.pattern()
        if not self.per_synapse:
            weight, bias = operands[0].numbers_for(stored)
            return bias, [Feedback(self.pre, self.post, stream, self.latency, weight, pattern, history)]
        weight, bias = operands[0].numbers()
        taps, at = self.bound_transform.taps(weight)
        return bias, [Feedback(self.pre, self.post, stream, self.shortest, taps, pattern, history, at)]

    def replaced(
        self, chain: Sequence[nn.Module], *, name: str | None = None, pre: str | None = None, post: str | None = None,
        lag: int | None = None,
    ) -> Projection:  # fmt: skip
        """The same projection through other transforms, or between others; delays that were drawn or loaded stay as they are."""
        made = Projection(
            name or self.name, pre or self.pre, post or self.post, self.port, chain, self.lag if lag is None else lag,
            self.plasticity, dt=self.dt, seed=0,
        )  # fmt: skip
        if self.latency_table is not None and made.latency_table is not None:
            made.latency_table = self.latency_table.clone()
            made._span()
        return made

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Read whole steps also under the earlier name, that of the transform, and update the arrivals."""
        old = f"{prefix}chain.0.latency_table"
        if old in state_dict and "latency_table" not in self.chain[0]._buffers:
            state_dict[f"{prefix}latency_table"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self.domains = {}
        self._span()

    def _tried(self, operand: Operand, x: Tensor, call: Callable[[], Tensor]) -> Tensor:
        """``call()``, where ``operand`` takes ``x`` [T, B, …]."""
        try:
            return call()
        except _MISFITS as error:
            raise self._misfit(operand, tuple(x.shape[2:]), x.dtype, error) from error

    def _rest(
        self, x: Tensor, operands: Sequence[Operand], carrier: Runnable | None = None,
        place: Place | None = None,
    ) -> Tensor:  # fmt: skip
        """Modules see time and batch as one axis, so norms count both; one with ``time_major = True`` sees [T, B, …]."""
        if not operands:
            return x
        steps, batch = x.shape[:2]
        flat = x.flatten(0, 1)
        for operand in operands:
            for one in operand.of_samples(flat.ndim - 1):
                flat = self._run(one, flat, (steps, batch), carrier, place)
        if flat.shape[0] != steps * batch:
            self.check_sample(operands[0].map, tuple(x.shape[2:]))
            raise ShapeError(
                f"projection {self.name!r}: the transforms turned {steps * batch} rows (time x batch) into {flat.shape[0]}; they must keep the first axis."
            )
        return flat.unflatten(0, (steps, batch))

    def _run(
        self, operand: Operand, flat: Tensor, lead: tuple[int, int], carrier: Runnable | None,
        place: Place | None,
    ) -> Tensor:  # fmt: skip
        """One operand over rows [T*B, …]."""
        transform = operand.map
        try:
            if place is not None and transform.by_sequence and (transform.module.training or not transform.silent):
                name = f"{self.name}.chain.{self._place_of(operand)}"
                out = transform.of_sequence(flat.unflatten(0, lead), name, place).flatten(0, 1)
            elif transform.time_major:
                out = operand.run(flat.unflatten(0, lead), carrier).flatten(0, 1)
            else:
                out = operand.run(flat, carrier)
        except _MISFITS as error:
            raise self._misfit(operand, tuple(flat.shape[1:]), flat.dtype, error) from error
        if not isinstance(out, Tensor):
            raise ShapeError(
                f"projection {self.name!r}: {transform.kind} returned {type(out).__name__} instead of a tensor; modules with a state of their own cannot be transforms."
            )
        return out

    def _place_of(self, operand: Operand) -> int:
        """Its place in the chain, in training; one module may have several."""
        chain = self.chain
        found = next((k for k, o in enumerate(chain.operands) if o is operand), None)
        return next(k for k, t in enumerate(chain.transforms) if t is operand.map) if found is None else found

    def _misfit(
        self, operand: Operand, shape: tuple[int, ...], dtype: torch.dtype, cause: Exception
    ) -> Exception:  # fmt: skip
        """What to say of an error in a transform: that of a user's own module stays as it is."""
        transform = operand.map
        self.check_sample(transform, shape, cause)
        numbers = [(t.kind, q.dtype) for t in operand.parts for q in t.module.parameters() if q.is_floating_point()]
        kind, other = next((found for found in numbers if found[1] != dtype), ("", dtype))
        if other != dtype and not isinstance(cause, RanvierError):
            return ShapeError(
                f"{self.where}: {kind} has numbers of {other}, but the network computes in {dtype}: convert the whole "
                f"network, as in net.double(). Slices of a network, and networks that have it as a part, share its tensors."
            )
        if (
            not transform.of_torch
            or isinstance(cause, RanvierError)
            or transform.takes_one(torch.zeros(1, *shape).to(self._probe))
        ):
            return cause
        words = " ".join(str(cause).split("\n", 1)[0].split()).rstrip(".")
        return ShapeError(
            f"{self.where}: {transform.kind} of torch cannot take samples of shape {shape} ({words}): change its arguments, or "
            f"reshape the samples first."
        )

    def check_sample(
        self, transform: Transform, shape: tuple[int, ...], cause: Exception | None = None, behind: str = ""
    ) -> None:  # fmt: skip
        """Refuse samples of a shape that a transform of the chain cannot take; what torch says of it is the ``cause``.

        ``behind`` is what makes them, where it is known.

        Raises
        ------
        ShapeError
            Naming the transform, the shape and the remedy.
        """
        refusal = transform.refusal(shape)
        if refusal is not None:
            subject = f"{transform.kind} behind {behind}" if behind else transform.kind
            raise ShapeError(f"{self.where}: {subject} {refusal}") from cause

    @property
    def where(self) -> str:
        """Its name and its ends, as a message names it."""
        return f"projection {self.name!r} from {self.pre!r} to {self.post!r}"

    @property
    def _probe(self) -> Tensor:
        """A tensor of the dtype and on the device of its numbers."""
        return next((q for q in self.parameters() if q.is_floating_point()), torch.empty(0))

    def output_shape(self, shape: tuple[int, ...], part: slice = slice(None)) -> tuple[int, ...]:
        """Shape of what arrives for emissions of ``shape``, found by carrying zeros; ``part`` selects transforms."""
        probe = self._probe
        x = torch.zeros(self.whole_steps or 1, 1, *shape, dtype=probe.dtype, device=probe.device)
        modes = [(m, m.training) for m in self.modules()]  # each has its own
        try:
            with torch.no_grad(), quiet(self):
                return tuple(self._rest(x, separate(self.eval().chain.transforms[part])).shape[2:])
        finally:
            for m, training in modes:
                m.training = training

    def extra_repr(self) -> str:
        return f"{self.pre} -> {self.post}.{self.port}, latency={self.latency}"
