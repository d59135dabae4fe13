"""Synapses that are never stored as plain data: the counter and the numbers their rows are drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ranvier.connectivity.delays import LONGEST
from ranvier.kernels.tasks import RowDraw, RowSource
from ranvier.limits.record import Record, damaged
from ranvier.limits.tensors import Take

if TYPE_CHECKING:
    from ranvier.connectivity._procedural import ProceduralSynapses

__all__ = ["decode_procedural", "encode_procedural"]

_WORD = 2**32
#: synapses of one row: an index is 32 bits wide
_MOST = 2**31 - 1


def encode_procedural(module: ProceduralSynapses, name: str, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Plain data; degrees that differ from cell to cell go to ``tensors`` under ``name``."""
    source, draw = module.source, module.source.draw
    if source.p is not None:
        rows: dict[str, Any] = {"p": source.p}
    elif len(source.degree) == 1:
        rows = {"degree": int(source.degree[0]), "multapses": source.multapses}
    else:
        rows = {"degree": None, "multapses": source.multapses}
        tensors[f"{name}.degree"] = torch.from_numpy(source.degree)
    counter = {"key": list(draw.key), "stream": draw.stream, "autapses": not draw.barred}
    return {"sizes": list(module.sizes), **rows, **counter, "latency": module.latency}


def decode_procedural(record: Record, take: Take) -> tuple[RowSource, tuple[int, int], torch.Tensor, int]:
    """Source, sizes, weight and latency of the synapses that :func:`encode_procedural` described.

    Rows are written into memory by native kernels, so what they hold at most is checked.
    """
    sizes = record.sizes("sizes")
    if sizes is None or len(sizes) != 2:
        raise record.error("sizes", "two positive whole numbers")
    key: Any = record.data.get("key")
    if not isinstance(key, list) or len(key) != 2 or any(type(n) is not int or not 0 <= n < _WORD for n in key):
        raise record.error("key", f"two whole numbers from 0 to {_WORD - 1}")
    barred = not record.flag("autapses")
    if barred and sizes[0] != sizes[1]:
        raise record.error("autapses", "true, as the two populations differ")
    stream, latency, choices = record.whole("stream"), record.whole("latency"), sizes[1] - barred
    if stream >= _WORD or latency > LONGEST or choices > _MOST:
        raise damaged(record.where, f"stream {stream}, latency {latency} or size {sizes[1]} is too large")
    draw = RowDraw((key[0], key[1]), 0, choices, barred, stream)
    weight = take("weight")
    if weight is None or tuple(weight.shape) != (1,) or weight.dtype not in (torch.float32, torch.float64):
        raise damaged(f"{record.where}.weight", "the tensor is missing or not one number")
    source = _source(record, sizes, draw, take)
    return source, (sizes[0], sizes[1]), weight, latency


def _source(record: Record, sizes: tuple[int, ...], draw: RowDraw, take: Take) -> RowSource:
    if "p" in record:
        p = record.number("p")
        if not 0 < p < 1 or not draw.choices:
            raise record.error("p", "a probability above 0 and below 1, and cells to reach")
        return RowSource(sizes[0], draw, p=p)
    multapses = record.flag("multapses")
    table = take("degree") if "degree" not in record else torch.tensor([record.whole("degree")])
    if table is None or table.dtype != torch.int64 or tuple(table.shape) not in ((1,), (sizes[0],)):
        raise record.error("degree", "a whole number, or a tensor with one per presynaptic cell")
    least, most = int(table.min()), int(table.max())
    limit = draw.choices if not multapses else _MOST if draw.choices else 0
    if least < 0 or most > limit:
        raise record.error("degree", f"from 0 to {limit} synapses per cell, not {least if least < 0 else most}")
    return RowSource(sizes[0], draw, table.numpy(), multapses=multapses)
