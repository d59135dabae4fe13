"""Stimuli as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ranvier.errors import FileFormatError
from ranvier.network._saving._record import Record
from ranvier.network._saving._values import decode_value, encode_value
from ranvier.network._sources import Poisson, Source, SpikeTrains, TimedArray
from ranvier.units import UNITS, Quantity

__all__ = ["decode_source", "encode_source"]

_TIME = UNITS["ms"].dimension
Tensors = dict[str, torch.Tensor]


def encode_source(source: Source, name: str, tensors: Tensors) -> dict[str, Any]:
    """Plain data for a stimulus; its arrays go to ``tensors`` under ``name``."""
    if type(source) is Poisson:
        rate = Quantity(float(source.rate) if source.rate.ndim == 0 else source.rate, (1 / UNITS["ms"]).dimension)
        return {"type": "Poisson", "rate": encode_value(rate, f"{name}/rate", tensors), "size": source.shape[0]}
    if type(source) is SpikeTrains:
        tensors |= {f"{name}/time": torch.from_numpy(source.when), f"{name}/cell": torch.from_numpy(source.who)}
        whole = bool(np.issubdtype(source.when.dtype, np.integer))
        return {
            "type": "SpikeTrains",
            "time": f"{name}/time",
            "cell": f"{name}/cell",
            "steps": whole,
            "size": source.shape[0],
        }
    if type(source) is TimedArray:
        values = encode_value(Quantity(source.values, source.dimension), f"{name}/values", tensors)
        return {"type": "TimedArray", "values": values, "dt": source.dt}
    kind = type(source).__name__
    raise FileFormatError(
        f"{name} is a {kind}, whose class a file cannot hold: save the network without it and add it after loading."
    )


def decode_source(record: Record, tensors: Tensors) -> Source:
    """The stimulus that :func:`encode_source` described; its arrays are taken out of ``tensors``."""
    kind = record.choice("type", "Poisson", "SpikeTrains", "TimedArray")
    if kind == "Poisson":
        return Poisson(decode_value(record.child("rate"), tensors), record.whole("size", 1))
    if kind == "TimedArray":
        dt = Quantity(record.number("dt"), _TIME) if "dt" in record else None
        return TimedArray(decode_value(record.child("values"), tensors), dt=dt)
    time, cell = (tensors.pop(record.text(n), None) for n in ("time", "cell"))
    if time is None or cell is None:
        raise record.error("time" if time is None else "cell", "the name of a tensor in the file")
    when = time.numpy() if record.flag("steps") else Quantity(time.numpy(), _TIME)
    return SpikeTrains(when, cell.numpy(), record.whole("size", 1))
