"""Domains of rules of plasticity as plain data: the name of the class and its fields."""

from __future__ import annotations

import dataclasses
from typing import Any

from ranvier.errors import FileFormatError
from ranvier.limits.record import Record
from ranvier.synapses.domains import Domain, domain_kind, domain_kinds

__all__ = ["decode_domain", "encode_domain"]


def encode_domain(domain: Domain, name: str) -> dict[str, Any]:
    """Plain data for a domain of the variable ``name``.

    Raises
    ------
    FileFormatError
        For a class that no reader would know, and for fields that are no plain numbers and words.
    """
    kind = type(domain).__name__
    if domain_kind(kind) is not type(domain):
        raise FileFormatError(
            f"{name} has the domain {domain!r}, whose class no file can name: call rv.plasticity.register_domain({kind}) first."
        )
    fields = {f.name: getattr(domain, f.name) for f in dataclasses.fields(domain)}  # pyright: ignore[reportArgumentType]
    odd = next((n for n, v in fields.items() if not isinstance(v, str | int | float)), None)
    if odd is not None:
        raise FileFormatError(
            f"{name}: {odd}={fields[odd]!r} of {kind} is neither a number nor a word, so no file can hold it: describe the domain "
            f"by numbers and words."
        )
    return {"kind": kind, "fields": fields}


def decode_domain(record: Record) -> Domain:
    """The domain that :func:`encode_domain` described.

    Raises
    ------
    FileFormatError
        Where its class is not registered, or refuses the fields.
    """
    name = record.text("kind")
    kind = domain_kind(name)
    if kind is None:
        raise FileFormatError(
            f"{record.where}: the domain {name!r} is unknown; there are {', '.join(domain_kinds())}. Call "
            f"rv.plasticity.register_domain with its class before you load the file."
        )
    fields = record.child("fields")
    known = {f.name for f in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
    if {*fields.data} != known or not all(isinstance(v, str | int | float) for v in fields.data.values()):
        raise record.error("fields", f"numbers and words by name: {', '.join(sorted(known)) or 'none'}")
    return kind(**fields.data)
