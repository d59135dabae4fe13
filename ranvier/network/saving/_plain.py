"""Objects as plain data for comparison, and the differences between two such data."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import types
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = ["differences", "digest", "plain", "shown"]

_DEEPEST = 6
_MISSING = "nothing"


def digest(array: torch.Tensor | np.ndarray) -> str:
    """Type, shape and a hash of all numbers of an array."""
    numbers = array.detach().cpu().numpy() if isinstance(array, torch.Tensor) else array
    found = hashlib.sha256(np.ascontiguousarray(numbers).reshape(-1).view(np.uint8).data).hexdigest()[:16]
    return f"{numbers.dtype} {list(numbers.shape)} {found}"


def plain(value: Any, depth: int = 0) -> Any:
    """Plain data for ``value``: numbers and text as they are, arrays by their hash, functions by a hash of their code,
    objects by their class and their public attributes."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, torch.Tensor | np.ndarray):
        return digest(value) if not isinstance(value, np.ndarray) or value.dtype != object else repr(value)
    if isinstance(value, np.generic):
        return plain(value.item(), depth)
    if depth >= _DEEPEST:
        return _class(value)
    inner = depth + 1
    if isinstance(value, Mapping):
        return {str(n): plain(v, inner) for n, v in value.items()}
    if isinstance(value, Set):
        return sorted(json.dumps(plain(v, inner), sort_keys=True) for v in value)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(v, inner) for v in value]
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()[:16]
    if isinstance(value, partial):
        return {"partial": plain(value.func, inner), "args": plain(value.args, inner), **plain(value.keywords, inner)}
    if isinstance(value, types.MethodType):
        return {"method": value.__func__.__qualname__, "of": plain(value.__self__, inner)}
    if isinstance(value, types.FunctionType):
        return _function(value, inner)
    if isinstance(value, type | types.ModuleType | types.BuiltinFunctionType):
        return getattr(value, "__qualname__", value.__name__)
    return {"class": _class(value), **_attributes(value, inner)}


def differences(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every place in which two plain data differ: (path, before, now)."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*now, *before]):
            inner = f"{path}.{name}" if path else str(name)
            yield from differences(before.get(name, _MISSING), now.get(name, _MISSING), inner)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for k, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from differences(one, other, f"{path}[{k}]")
    elif type(before) is not type(now) or before != now:
        yield path, before, now


def shown(value: Any) -> str:
    """A value in a message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _class(value: Any) -> str:
    return type(value).__qualname__  # without its module, which differs where a file is run as a program


def _attributes(value: Any, depth: int) -> dict[str, Any]:
    """The public attributes of an object; of a torch module its submodules, not its parameters and buffers."""
    names = dict(getattr(value, "__dict__", {}))
    for slot in (n for kind in type(value).__mro__ for n in getattr(kind, "__slots__", ())):
        if hasattr(value, slot):
            names[slot] = getattr(value, slot)
    out = {n: plain(v, depth) for n, v in names.items() if not n.startswith("_") and n != "training"}
    if isinstance(value, nn.Module):
        out |= {n: plain(m, depth) for n, m in value.named_children()}
    return out


def _function(value: types.FunctionType, depth: int) -> dict[str, Any]:
    """Name, code, defaults and closure values."""
    cells = [cell.cell_contents for cell in value.__closure__ or () if _filled(cell)]
    held = [c for c in cells if not callable(c) or isinstance(c, nn.Module | types.FunctionType)]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    code = hashlib.sha256("\n".join(_code(value.__code__)).encode()).hexdigest()[:16]
    out = {"function": value.__qualname__, "code": f"{code} (Python {version})"}
    for name, kept in (("defaults", value.__defaults__), ("closure", held)):
        if kept:
            out[name] = plain(list(kept), depth)
    return out


def _filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _code(code: types.CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield " ".join((*code.co_names, *code.co_varnames))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code(constant)
        else:
            yield repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)
