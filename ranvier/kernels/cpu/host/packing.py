"""Arguments with any names, given in one mapping, as addresses and integers: a function of Python written for each signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ranvier.kernels.cpu.host.signature import Signature

__all__ = ["Packed", "packing"]

#: addresses of arrays, and integers
Packed = tuple[tuple[int, ...], tuple[int, ...]]


@lru_cache(maxsize=1024)
def packing(signature: Signature, dtype: torch.dtype) -> Callable[[Mapping[str, Any]], Packed]:
    """The function that packs all arguments of a kernel, or of a section of one, whose own numbers are ``dtype``.

    The function raises TypeError where a name is missing or unknown, and TypeError or ValueError where an array is of another
    type or shape, not contiguous, or not on the CPU.
    """
    known: dict[str, Any] = {"Tensor": Tensor, "KeyError": KeyError, "wrong": _wrong(signature)}
    words = {n: f"given[{n!r}]" for n in signature.places}
    addresses = ""
    for k, (n, check) in enumerate(signature.checks(dtype).items()):
        known[f"c{k}"], known[f"d{k}"] = check, check.dtypes[0]
        tensor = f"(a := {words[n]}).__class__ is Tensor and a.dtype is d{k}"
        plain = check.plain(signature.arrays, {**words, n: "a"})
        addresses += f"a.data_ptr() if {tensor} and {plain} else c{k}.address(a, given), "
    integers = "".join(f"{words[n]}, " for n in signature.integers)
    lines = [
        "def pack(given):",
        f"    if len(given) != {len(words)}:",
        "        raise wrong(given)",
        "    try:",
        f"        return ({addresses}), ({integers})",
        "    except KeyError:",
        "        raise wrong(given) from None",
    ]
    exec("\n".join(lines), known)
    return known["pack"]


def _wrong(signature: Signature) -> Callable[[Mapping[str, Any]], TypeError]:
    def wrong(given: Mapping[str, Any]) -> TypeError:
        unlike = sorted(given.keys() ^ signature.places.keys())
        return TypeError(f"arguments missing or unknown: {unlike}; expected {[*signature.places]}")

    return wrong
