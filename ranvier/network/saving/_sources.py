"""Stimuli as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ranvier.errors import FileFormatError
from ranvier.limits.record import Record
from ranvier.network.saving._values import decode_value, encode_value
from ranvier.network.stimuli import (
    OrnsteinUhlenbeck,
    Poisson,
    Signal,
    Source,
    SpikeTrains,
    Stimulus,
    SumOfSignals,
    TimedArray,
)
from ranvier.units import UNITS, Dimension, Quantity

__all__ = ["decode_source", "encode_source"]

_TIME = UNITS["ms"].dimension
#: Poisson sources, and the names that files of 0.1.0 give to sums of trains
_POISSON = ("Poisson", "PoissonDrive", "PoissonInput")
_KINDS = (*_POISSON, "SpikeTrains", "TimedArray", "OrnsteinUhlenbeck", "Stimulus", "SumOfSignals")
Tensors = dict[str, torch.Tensor]


def encode_source(source: Source, name: str, tensors: Tensors) -> dict[str, Any]:
    """Plain data for a stimulus; its arrays go to ``tensors`` under ``name``."""
    if type(source) is Poisson:
        if isinstance(source.rate, Source):
            rate = encode_source(source.rate, f"{name}/rate", tensors)
        else:
            rate = encode_value(_quantity(source.rate, (1 / UNITS["ms"]).dimension), f"{name}/rate", tensors)
        own = {"size": source.shape[0], "trains": source.trains, "frozen": source.frozen}
        return {"type": "Poisson", "rate": rate, **own}
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
    if type(source) is OrnsteinUhlenbeck:
        both = {
            n: encode_value(_quantity(getattr(source, n), source.dimension), f"{name}/{n}", tensors)
            for n in ("mean", "sigma")
        }
        own = {"tau": source.tau, "size": source.shape[0], "frozen": source.frozen}
        return {"type": "OrnsteinUhlenbeck", **both, **own}
    if type(source) is Stimulus:
        values = {n: encode_value(v, f"{name}/{n}", tensors) for n, v in source.cell.values.items()}
        return {"type": "Stimulus", "equations": source.cell.equations, "values": values, "size": source.shape[0]}
    if type(source) is SumOfSignals:
        parts = [encode_source(part, f"{name}/{k}", tensors) for k, part in enumerate(source.parts)]
        return {"type": "SumOfSignals", "parts": parts}
    kind = type(source).__name__
    raise FileFormatError(
        f"{name} is a {kind}, whose class a file cannot hold: save the network without it and add it after loading."
    )


def decode_source(record: Record, tensors: Tensors) -> Source:
    """The stimulus that :func:`encode_source` described; its arrays are taken out of ``tensors``."""
    kind = record.choice("type", *_KINDS)
    if kind in _POISSON:
        trains = record.whole("trains", 1) if "trains" in record else 1
        if "type" in (inner := record.child("rate")):
            return Poisson(
                decode_source(inner, tensors), record.whole("size", 1), trains=trains, frozen=_frozen(record)
            )
        rate = decode_value(inner, tensors)
        if kind != "Poisson" and trains == 1:  # a sum whatever its trains: two of half the rate follow the same law
            rate, trains = rate / 2, 2
        return Poisson(rate, record.whole("size", 1), trains=trains, frozen=_frozen(record))
    if kind == "OrnsteinUhlenbeck":
        mean, sigma = (decode_value(record.child(n), tensors) for n in ("mean", "sigma"))
        tau = Quantity(record.number("tau"), _TIME)
        return OrnsteinUhlenbeck(mean, sigma, tau, record.whole("size", 1), frozen=_frozen(record))
    if kind == "Stimulus":
        values = {n: decode_value(value, tensors) for n, value in record.children("values")}
        return Stimulus(record.text("equations"), record.whole("size", 1), **values)
    if kind == "SumOfSignals":
        parts = [decode_source(part, tensors) for part in record.items("parts")]
        signals = [part for part in parts if isinstance(part, Signal)]
        if len(signals) < max(2, len(parts)):
            raise record.error("parts", "two or more signals")
        return SumOfSignals(*signals)
    if kind == "TimedArray":
        dt = Quantity(record.number("dt"), _TIME) if "dt" in record else None
        return TimedArray(decode_value(record.child("values"), tensors), dt=dt)
    time, cell = (tensors.pop(record.text(n), None) for n in ("time", "cell"))
    if time is None or cell is None:
        raise record.error("time" if time is None else "cell", "the name of a tensor in the file")
    when = time.numpy() if record.flag("steps") else Quantity(time.numpy(), _TIME)
    return SpikeTrains(when, cell.numpy(), record.whole("size", 1))


def _frozen(record: Record) -> bool:
    """Whether a source that draws is frozen; files of 0.1.0 do not say."""
    return "frozen" in record and record.flag("frozen")


def _quantity(values: np.ndarray, dimension: Dimension) -> Quantity:
    return Quantity(float(values) if values.ndim == 0 else values, dimension)
