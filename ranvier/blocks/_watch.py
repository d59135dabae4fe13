"""Watches the operations of torch on what comes from an input, and notes products."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from ranvier.blocks._operations import ATTENTION, AVERAGES, OF_ONE, OPERANDS, SUMS
from ranvier.blocks._product import BINARY, COUNTS, FloatProducts, Product, Values, values_of

__all__ = ["Watch"]

Tensor = torch.Tensor

#: what a product is listed as
_SCALES, _COUNTS, _FLOATS = "scales", "counts", "floats"
_FOLDS = "a constant: weights or thresholds can take it over"


class Watch(TorchDispatchMode):
    """Knows which tensors come from marked ones, and notes their products at the present ``place``."""

    def __init__(self) -> None:
        super().__init__()
        self.place, self.paused = "", False
        self._data = WeakTensorKeyDictionary()
        self._found: dict[tuple[str, str, str], Product] = {}
        self._fires: dict[str, bool] = {}

    def mark(self, values: Any) -> None:
        """Take tensors for data."""
        for t in _tensors(values):
            self._data[t] = True
            base = t._base
            if base is not None:  # written through a view
                self._data[base] = True

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Note what follows as computed at ``place``."""
        before, self.place = self.place, place
        try:
            yield
        finally:
            self.place = before

    def products(self) -> FloatProducts:
        """What was found, in the order in which it was computed first."""
        of = {
            name: tuple(p for (_, _, group), p in self._found.items() if group == name)
            for name in (_FLOATS, _COUNTS, _SCALES)
        }
        return FloatProducts(**of, silent=tuple(place for place, fires in self._fires.items() if not fires))

    def weighted(self, x: Tensor, operation: str, *shapes: tuple[int, ...]) -> None:
        """Note the product of data ``x`` with weights."""
        self._judge(operation, [values_of(x)], (tuple(x.shape), *shapes))

    def joined(self, operands: list[Tensor]) -> None:
        """Note the product of data with data."""
        self._judge("mul", [values_of(x) for x in operands], tuple(tuple(x.shape) for x in operands))

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [*_tensors((args, kwargs))]
        watched = not self.paused and any(t in self._data for t in given)
        if watched:  # before an operation in place
            self._see(func, args, kwargs)
        out = func(*args, **kwargs)
        if watched:
            self.mark((out, args[0]) if func._schema.is_mutable else out)
        return out

    def _see(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        space, _, name = func._schema.name.rpartition("::")
        name = name.rstrip("_")
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
        elif not (func.is_view or name in SUMS or name.startswith(("new_", "constant_pad")) or name.endswith("_like")):
            self._other(space, name, torch.Tag.pointwise in func.tags or name in OF_ONE, (args, kwargs))

    def _other(self, space: str, name: str, each: bool, given: Any) -> None:
        """Note an operation that is not known to add only. One of ``each`` number makes two numbers of spikes, which weights can hold."""
        data = [t for t in _tensors(given) if t in self._data and t.is_floating_point()]
        if not data:
            return
        found, shapes = [values_of(t) for t in data], tuple(tuple(t.shape) for t in data)
        if space != "aten":
            self._judge(name, found, shapes)
        elif not each or any(v.level != BINARY for v in found):
            self._note(name.strip("_"), _FLOATS, shapes, max(v.largest for v in found), "more than sums")

    def _product(self, name: str, *operands: Any) -> None:
        data = [t for t in operands if isinstance(t, Tensor) and t in self._data]
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


def _tensors(values: Any) -> list[Tensor]:
    return [t for t in tree_leaves(values) if isinstance(t, Tensor)]


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def _number(value: Any) -> float | None:
    """The number that a factor is; None for several."""
    if isinstance(value, int | float):
        return float(value)
    return float(value) if isinstance(value, Tensor) and value.numel() == 1 else None
