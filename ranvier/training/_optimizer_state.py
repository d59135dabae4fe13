"""The state of an optimiser as plain data and tensors, and back after checks."""

from __future__ import annotations

import copy
import json
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.network.saving import Record, damaged, plain
from ranvier.training._optimizers import Optimizers

__all__ = ["optimizer_settings", "optimizer_state", "restore_optimizers"]

Tensors = dict[str, torch.Tensor]


def optimizer_settings(optimizers: Optimizers) -> Any:
    """The settings of an optimiser, or of each of several: its class and numbers."""
    found = [_settings(one) for one in optimizers.parts]
    return found[0] if len(found) == 1 else found


def _settings(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    groups = [{n: v for n, v in group.items() if n != "params"} for group in optimizer.state_dict()["param_groups"]]
    return {"class": type(optimizer).__name__, "groups": json.loads(json.dumps(plain(groups)))}


def optimizer_state(optimizers: Optimizers, tensors: Tensors) -> dict[str, Any]:
    """Plain data for the states of optimisers, by number; their tensors are added to ``tensors``."""
    return {str(k): _state(one, f"optimizer/{k}", tensors) for k, one in enumerate(optimizers.parts)}


def _state(optimizer: torch.optim.Optimizer, path: str, tensors: Tensors) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for index, entries in optimizer.state_dict()["state"].items():
        found[str(index)] = {}
        for name, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{path}/{index}/{name}"] = value
            elif value is None or isinstance(value, bool | int | float | str):
                found[str(index)][name] = value
            else:
                what = f"{type(optimizer).__name__} keeps {name} as {type(value).__name__}"
                raise TrainingError(f"{what}, which no checkpoint holds: train without checkpoint=….")
    return found


def restore_optimizers(optimizers: Optimizers, record: Record, tensors: Tensors) -> None:
    """Put the states back; the numbers of optimisers stay as they are, for the settings have been compared.

    Raises
    ------
    FileFormatError
        Where an entry is missing, too many, not finite, or of another form than the optimiser makes itself.
    """
    names = [str(k) for k in range(len(optimizers.parts))]
    if sorted(record.data) != sorted(names):
        raise damaged(
            record.where, f"it holds the states of optimisers {', '.join(record.data)[:80]}, not of {', '.join(names)}"
        )
    parts: dict[str, Tensors] = {name: {} for name in names}
    for path, tensor in tensors.items():
        room, _, rest = path.partition("/")
        if room == "optimizer":
            number, _, inner = rest.partition("/")
            if number not in parts:
                raise damaged(record.where, f"tensor {path!r} belongs to no optimiser")
            parts[number][inner] = tensor
    for name, one in zip(names, optimizers.parts, strict=True):
        _restore(one, record.child(name), parts[name])


def _restore(optimizer: torch.optim.Optimizer, record: Record, tensors: Tensors) -> None:
    state: dict[int, dict[str, Any]] = {_index(record, k): dict(record.child(k).data) for k in record.data}
    for path, tensor in tensors.items():
        index, _, name = path.partition("/")
        state.setdefault(_index(record, index), {})[name] = tensor
    usual = _usual(optimizer)
    for k, entries in state.items():
        if k not in usual:
            raise damaged(record.where, f"the state of parameter {k} does not fit the optimiser")
        expected = usual[k]
        names = entries.keys() if expected is None else sorted(entries.keys() | expected.keys())
        for name in names:
            trouble = _trouble(entries.get(name), None if expected is None else expected.get(name, _MISSING))
            if name not in entries or trouble:
                raise damaged(f"{record.where}.{k}.{name}", trouble or "is missing")
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


_MISSING = object()


def _index(record: Record, text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise damaged(record.where, f"{text[:40]!r} is not the number of a parameter")
    return int(text)


def _trouble(found: Any, expected: Any) -> str:
    """The error text for an entry; ``expected`` is one that the optimiser made, None where unknown."""
    if expected is _MISSING:
        return "is not kept by this optimiser"
    if isinstance(found, torch.Tensor) and not bool(torch.isfinite(found).all()):
        return "is not finite"
    if expected is None:
        return ""
    if isinstance(expected, torch.Tensor):
        if not isinstance(found, torch.Tensor) or (found.shape, found.dtype) != (expected.shape, expected.dtype):
            what = f"{found.dtype} {list(found.shape)}" if isinstance(found, torch.Tensor) else repr(found)[:60]
            return f"is {what}, expected {expected.dtype} {list(expected.shape)}"
        counts = not found.ndim and float(expected) == 1  # after one step of the copy, whose gradient is 0
        return f"is {float(found)}, expected a count of steps" if counts and not float(found) >= 1 else ""
    kinds = (int, float) if isinstance(expected, int | float) and not isinstance(expected, bool) else (type(expected),)
    return "" if type(found) in kinds else f"is {found!r}"[:80]


def _usual(optimizer: torch.optim.Optimizer) -> dict[int, dict[str, Any] | None]:
    """The state of each parameter after a step of a copy with zero gradient; None where that fails."""
    shadow = copy.deepcopy(optimizer)
    parameters = [p for group in shadow.param_groups for p in group["params"]]
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    try:
        shadow.step()
    except (TypeError, RuntimeError):  # one that calls the loss itself
        return dict.fromkeys(range(len(parameters)))
    made = shadow.state_dict()["state"]
    return {k: made.get(k, {}) for k in range(len(parameters))}
