"""Cells and rules of plasticity as plain data: their text and the values of their parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import torch

from ranvier.errors import FileFormatError
from ranvier.limits.record import Record
from ranvier.network.saving._domains import decode_domain, encode_domain
from ranvier.network.saving._values import decode_value, encode_value
from ranvier.neurons import Cell, CellNorm
from ranvier.surrogates import Surrogate
from ranvier.synapses import Plasticity

__all__ = [
    "decode_cell",
    "decode_plasticity",
    "decode_surrogate",
    "encode_cell",
    "encode_plasticity",
    "encode_surrogate",
]

_TEXTS = ("threshold", "reset", "before_firing", "method", "emit", "reset_gradient")
_RULE_TEXTS = ("equations", "on_pre", "on_post", "every_step", "unit", "name")


def encode_cell(cell: Cell, name: str, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Plain data for a cell; arrays among its values go to ``tensors`` under ``name``."""
    if type(cell) is not Cell:
        kind = type(cell).__name__
        raise FileFormatError(f"{name} is a {kind}, whose class a file cannot hold: write it as rv.Cell(…) instead.")
    return {
        "name": cell.name,
        "equations": [line.strip() for line in cell.equations.splitlines() if line.strip()],
        **{n: getattr(cell, n) for n in _TEXTS},
        "events": {n: {"condition": condition, "code": code or ""} for n, (condition, code) in cell.events.items()},
        "arrivals": dict(cell.arrivals),
        "surrogate": encode_surrogate(cell.surrogate),
        "size": list(cell.size) if cell.size is not None else None,
        "membrane_norm": None if cell.membrane_norm is None else asdict(cell.membrane_norm),
        "values": {n: encode_value(v, f"{name}/{n}", tensors) for n, v in cell.values.items()},
    }


def decode_cell(record: Record, tensors: dict[str, torch.Tensor]) -> Cell:
    """The cell that :func:`encode_cell` described; its text goes through the equation parser and nothing else."""
    events = {n: (event.text("condition"), event.text("code")) for n, event in record.children("events")}
    values = {n: decode_value(value, tensors) for n, value in record.children("values")}
    clash = sorted(
        values.keys() & {"equations", "events", "arrivals", "surrogate", "size", "name", "membrane_norm", *_TEXTS}
    )
    if clash:
        raise record.child("values").error(clash[0], "no word of rv.Cell as the name of a value")
    texts = {n: record.text(n) if n in record else None for n in _TEXTS}
    surrogate, size = decode_surrogate(record, "surrogate"), record.sizes("size")
    equations, name = "\n".join(record.names("equations")), record.text("name")
    arrivals = {n: record.child("arrivals").text(n) for n in record.child("arrivals").data}
    words = {"events": events, "arrivals": arrivals, "surrogate": surrogate, "name": name, "size": size}
    words["membrane_norm"] = _norm(record.child("membrane_norm"), values) if "membrane_norm" in record else None
    return Cell(equations, **words, **texts, **values)


def _norm(record: Record, values: Iterable[str]) -> CellNorm:
    texts = [record.text(n) for n in ("variable", "scale", "shift")]
    threshold = record.choice("threshold", *values) if "threshold" in record else None
    return CellNorm(texts[0], record.number("eps"), record.number("momentum"), *texts[1:], threshold=threshold)


def encode_plasticity(rule: Plasticity, name: str, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Plain data for a rule of plasticity; arrays among its values go to ``tensors`` under ``name``."""
    if type(rule) is not Plasticity:
        kind = type(rule).__name__
        raise FileFormatError(
            f"{name} is a {kind}, whose class a file cannot hold: write it as rv.Plasticity(…) instead."
        )
    texts = {n: getattr(rule, n) for n in _RULE_TEXTS}
    domains = {n: encode_domain(d, f"{name}/{n}") for n, d in rule.domains.items()}
    values = {n: encode_value(v, f"{name}/{n}", tensors) for n, v in rule.values.items()}
    return {**texts, **({"domains": domains} if domains else {}), "values": values}


def decode_plasticity(record: Record, tensors: dict[str, torch.Tensor]) -> Plasticity:
    """The rule that :func:`encode_plasticity` described."""
    values = {n: decode_value(value, tensors) for n, value in record.children("values")}
    clash = sorted(values.keys() & {"domains", *_RULE_TEXTS})
    if clash:
        raise record.child("values").error(clash[0], "no word of rv.Plasticity as the name of a value")
    domains = {n: decode_domain(inner) for n, inner in record.children("domains")} if "domains" in record else {}
    return Plasticity(**{n: record.text(n) for n in _RULE_TEXTS}, domains=domains, **values)


def encode_surrogate(surrogate: Surrogate | None) -> dict[str, Any] | None:
    """Plain data for a surrogate."""
    if surrogate is None:
        return None
    return {"expression": surrogate.expression, "width": surrogate.width, "shape": dict(surrogate.shape)}


def decode_surrogate(record: Record, key: str) -> Surrogate | None:
    """The surrogate described at ``key``, or None."""
    if key not in record:
        return None
    inner = record.child(key)
    shape = inner.child("shape")
    if "width" in shape:
        raise shape.error("width", "no shape parameter of this name")
    return Surrogate(inner.text("expression"), inner.number("width"), **{n: shape.number(n) for n in shape.data})
