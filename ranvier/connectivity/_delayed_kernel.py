"""What dense transforms have in common: delays tied to steps, weights kept to a sign, and the weights on those steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch

from ranvier.connectivity._storing import Storing
from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.delays import Delays, check_request, latency_steps
from ranvier.errors import ShapeError
from ranvier.units import UNITS, Quantity
from ranvier.values import Learn

if TYPE_CHECKING:
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["DelayedKernel"]

Tensor = torch.Tensor


class DelayedKernel(Storing):
    """A transform whose ``weight`` [out, in, …] may carry a delay for each element, each input or each output."""

    sign: Tensor | None
    bias: Tensor | None
    #: what makes it again, beside bias, sign and delays; the first two are numbers of inputs and outputs
    arguments: ClassVar[tuple[str, ...]]
    #: the axis of the weight along which inputs change
    inputs: ClassVar[int] = 1
    #: how delays per synapse follow the input, as a sentence
    follows = "by event; by step in windows where many inputs fire (the kernel counts them)"

    def keep_delay(self, delay: Any, per: str, interpolation: str, width: Any) -> None:
        """Store the requested delays; :meth:`bind` converts them to steps."""
        kind = type(self).__name__
        if per not in ("synapse", "pre", "post"):
            raise ShapeError(f"{kind}: per={per!r} is unknown; a delay belongs to each 'synapse', 'pre' or 'post'.")
        check_request(delay, math.prod(self._shared(per)), interpolation, width, kind)
        self.given, self.per, self.interpolation, self.width = delay, per, interpolation, width
        self.delay: Delays | None = None
        self.drawn_for: tuple[int, str] | None = None

    def keep_sign(self, sign: Any) -> None:
        """Keep weights to a sign: one of -1 and 1 for all, or -1, 0 (free) or 1 for each input."""
        self.module.register_buffer("sign", None)
        if sign is None:
            return
        given = torch.as_tensor(sign).detach().to(self.weight.dtype)
        inputs, kind = self.weight.shape[self.inputs], type(self).__name__
        if given.shape not in ((), (inputs,)) or not bool(torch.isin(given, given.new_tensor([-1, 0, 1])).all()):
            raise ShapeError(f"{kind}: sign={sign!r} must be -1 or 1, or one of -1, 0, 1 for each of {inputs} inputs.")
        self.sign = given.reshape(self._along(self.inputs, given.numel())).clone()
        with torch.no_grad():
            self.weight.copy_(torch.where(self.sign == 0, self.weight, self.sign * self.weight.abs()))

    @property
    def output_axis(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The axis of the weight along which outputs change."""
        return 1 - self.inputs

    @property
    def constant(self) -> Tensor | None:
        """The bias [out]."""
        return self.bias

    @property
    def has_delay(self) -> bool:
        """Whether a delay was requested."""
        return self.given is not None

    def unstored(self) -> Tensor:
        """The weights within their sign: one of the wrong sign counts as 0 and keeps its gradient, so that it can come back."""
        if self.sign is None:
            return self.weight
        raw = self.weight.detach()
        return self.weight + (torch.where(self.sign * raw < 0, 0.0, raw) - raw)

    def bind(self, binding: Binding) -> BoundTransform:
        """Its delays in steps.

        Delays from a distribution are drawn by the seed and name of the first place, and are the same in all others;
        so are learnable ones, whose parameter is made there.
        """
        dt, lag, seed, name = binding
        if self.given is None:
            return super().bind(binding)
        self.drawn_for = key = self.drawn_for or (seed, name)
        shape, share = self.weight_shape, self._shared(self.per)
        if isinstance(self.given, Learn):
            if self.delay is None:
                bell = (self.interpolation, self.width)
                made = Delays(self.given, shape, share, *bell, dt=dt, seed=key[0], name=key[1])
                self.delay = made.to(self.weight if self.packed is None else self.packed.scale)
            self.delay.check(dt, name)
            return super().bind(binding)
        steps = latency_steps(self.given, dt, math.prod(share), *key)
        if isinstance(steps, int):
            return BoundTransform(self, dt, lag, lag + steps)
        return BoundTransform(self, dt, lag, lag, (steps + lag).reshape(share).expand(shape).contiguous())

    def fix_delays(self, dt: float, lag: int) -> None:
        """Put every learnable delay on its nearest step of ``dt`` ms."""
        if self.delay is not None:
            self.keep_times(self.delay.rounded(dt).double().numpy() * dt)

    def keep_learnable(self, delay: Delays) -> None:
        """Replace the requested delays by learnable ones."""
        low, high = (Quantity(bound, UNITS["ms"].dimension) for bound in (delay.low, delay.high))
        self.given, self.delay = Learn(low, low, high), delay

    def keep_times(self, times: float | np.ndarray) -> None:
        """Fixed delays in ms, one or an array of the weight's shape; they replace the requested ones."""
        self.given, self.per, self.delay = Quantity(times, UNITS["ms"].dimension), "synapse", None

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """Sizes, sign and delays."""
        from ranvier.connectivity._arguments import arguments_of
        from ranvier.connectivity._delay_record import encode_delays

        own = None if bound.table is not None else bound.latency - bound.lag
        kept = {"bias": self.bias is not None, "sign": None if self.sign is None else self.sign.shape[self.inputs]}
        kept |= {} if self.storage is None else {"storage": self.describe_storage()}
        when = {"latency": own, "delay": encode_delays(self.delay)}
        return {**arguments_of(self.module, self.arguments), **kept, **when}

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The transform of a file; delays are times in ms from whole steps, or learnable."""
        from ranvier.connectivity._arguments import argument, latency_of
        from ranvier.connectivity._delay_record import decode_delays
        from ranvier.limits.record import damaged
        from ranvier.limits.tensors import fill

        made: Any = cls
        with torch.device("meta"):
            sizes = {n: record.whole(n, 1) for n in cls.arguments[:2]}
            rest = {n: argument(record, n) for n in cls.arguments[2:] if n in record}
            self: Self = made(**sizes, **rest, bias=record.flag("bias"))
            shape = tuple(self.weight.shape)
            if "sign" in record:
                inputs = record.whole("sign", 1)
                if inputs not in (1, shape[cls.inputs]):
                    raise record.error("sign", f"1 or {shape[cls.inputs]}")
                self.sign = torch.empty(self._along(cls.inputs, inputs))
        self.take_storage(record, (shape,), take)
        fill(self.module, take, record.where)
        if self.sign is not None and not bool(torch.isin(self.sign, torch.tensor([-1.0, 0.0, 1.0])).all()):
            raise damaged(f"{record.where}.sign", "holds other numbers than -1, 0 and 1")
        steps = latency_of(record, take("latency_table"), shape)
        if isinstance(steps, Tensor):
            if steps.numel() and int(steps.min()) < binding.lag:
                raise damaged(record.where, f"latency_table is below the lag of {binding.lag} steps")
            self.keep_times((steps.double().numpy() - binding.lag) * binding.dt)
        elif steps:
            self.keep_times(steps * binding.dt)
        delay = decode_delays(record, shape, record.where, take, binding.dt)
        if delay is not None:
            self.keep_learnable(delay)
        return self

    def _shared(self, per: str) -> tuple[int, ...]:
        """The shape of delays that belong to each synapse, input or output."""
        if per == "synapse":
            return self.weight_shape
        axis = self.inputs if per == "pre" else 1 - self.inputs
        return self._along(axis, self.weight_shape[axis])

    def _along(self, axis: int, count: int) -> tuple[int, ...]:
        """A shape with ``count`` entries along an axis of the weight and 1 elsewhere."""
        return tuple(count if k == axis else 1 for k in range(len(self.weight_shape)))
