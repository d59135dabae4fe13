"""Watches the operations of torch on what comes from an input, and notes products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ranvier.blocks._product import BINARY, COUNTS, FloatProducts, Product, Values, values_of
from ranvier.measure.following import Following, tensors
from ranvier.measure.names import ATTENTION, AVERAGES, OF_ONE, OPERANDS, moves, name_of

if TYPE_CHECKING:
    from ranvier.connectivity import Transform
    from ranvier.kernels.tasks import Propagate

__all__ = ["Watch"]

Tensor = torch.Tensor

#: what a product is listed as
_SCALES, _COUNTS, _FLOATS = "scales", "counts", "floats"
_FOLDS = "a constant: weights or thresholds can take it over"


class Watch(Following):
    """Knows which tensors come from marked ones, and notes their products at the present ``place``."""

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[tuple[str, str, str], Product] = {}
        self._fires: dict[str, bool] = {}

    def products(self) -> FloatProducts:
        """What was found, in the order in which it was computed first."""
        of = {
            name: tuple(p for (_, _, group), p in self._found.items() if group == name)
            for name in (_FLOATS, _COUNTS, _SCALES)
        }
        return FloatProducts(**of, silent=tuple(place for place, fires in self._fires.items() if not fires))

    def carry(self, task: Propagate, kind: str) -> Tensor:
        """Note the product of data with weights."""
        self._judge(kind, [values_of(task.x)], (tuple(task.x.shape),))
        return super().carry(task, kind)

    def drawn(self, x: Tensor, transform: Transform) -> None:
        """Note the product of data with synapses that are drawn."""
        self._judge(transform.kind, [values_of(x)], (tuple(x.shape),))

    def joined(self, operands: list[Tensor]) -> None:
        """Note the product of data with data."""
        self._judge("mul", [values_of(x) for x in operands], tuple(tuple(x.shape) for x in operands))

    def see(self, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Note an operation of torch that is no sum."""
        space, name = name_of(call)
        if name in OPERANDS:
            self._product(name, *(args[k] if k < len(args) else None for k in OPERANDS[name]))
        elif name in ATTENTION:
            self._judge("attention", [values_of(t) for t in args[:2]], tuple(tuple(t.shape) for t in args[:3]))
            self._note(
                "attention", _FLOATS, tuple(tuple(t.shape) for t in args[:3]), values_of(args[2]).largest, "softmax"
            )
        elif name in AVERAGES:
            self._note(
                name.strip("_"),
                _SCALES,
                (tuple(args[0].shape),),
                values_of(args[0]).largest,
                f"1/n of an average, {_FOLDS}",
            )
        elif name in ("add", "sub", "rsub") and abs(kwargs.get("alpha", 1)) != 1:
            self._note(name, _SCALES, tuple(_shape(t) for t in args), abs(kwargs["alpha"]), _FOLDS)
        elif not moves(call):
            self._other(space, name, torch.Tag.pointwise in call.tags or name in OF_ONE, (args, kwargs))

    def _other(self, space: str, name: str, each: bool, given: Any) -> None:
        """Note an operation that is not known to add only. One of ``each`` number makes two numbers of spikes, which weights can hold."""
        data = [t for t in tensors(given) if self.follows(t) and t.is_floating_point()]
        if not data:
            return
        found, shapes = [values_of(t) for t in data], tuple(tuple(t.shape) for t in data)
        if space != "aten":
            self._judge(name, found, shapes)
        elif not each or any(v.level != BINARY for v in found):
            self._note(name.strip("_"), _FLOATS, shapes, max(v.largest for v in found), "more than sums")

    def _product(self, name: str, *operands: Any) -> None:
        data = [t for t in operands if self.follows(t)]
        others = [t for t in operands if not any(t is d for d in data)]
        if name in ("div", "addcdiv") and any(operands[1] is t for t in data):
            self._note(
                name, _FLOATS, tuple(_shape(t) for t in operands), values_of(operands[1]).largest, "divided by data"
            )
            return
        if not data or (others and others[0] is None):
            return
        number = next((_number(t) for t in others if _number(t) is not None), None)
        shapes = tuple(_shape(t) for t in operands)
        if number is not None:
            if abs(number) not in (0.0, 1.0):
                self._note(name, _SCALES, shapes, abs(number), _FOLDS)
            return
        self._judge(name, [values_of(t) for t in data], shapes)

    def _judge(self, operation: str, found: list[Values], shapes: tuple[tuple[int, ...], ...]) -> None:
        """Note a product of data with data, or with weights where there is one of ``found`` only."""
        self._fires[self.place] = self._fires.get(self.place, False) or all(v.largest for v in found)
        least = min(found, key=lambda v: v.level)
        if least.level == BINARY:
            if least.unit != 1.0:
                self._note(operation, _SCALES, shapes, least.unit, f"spikes of size {least.unit:.4g}, {_FOLDS}")
            return
        worst = max(found, key=lambda v: v.level)
        unit = "" if worst.unit == 1.0 else f"times {worst.unit:.4g}, {_FOLDS}"
        self._note(operation, _COUNTS if worst.level == COUNTS else _FLOATS, shapes, worst.largest, unit)

    def _note(
        self, operation: str, group: str, shapes: tuple[tuple[int, ...], ...], largest: float, remark: str
    ) -> None:
        key = self.place, operation, group
        seen = self._found.get(key)
        if seen is None or seen.largest < largest:
            self._found[key] = Product(self.place, operation, shapes, largest, remark)


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def _number(value: Any) -> float | None:
    """The number that a factor is; None for several."""
    if isinstance(value, int | float):
        return float(value)
    return float(value) if isinstance(value, Tensor) and value.numel() == 1 else None
