"""Saving in a folder, for other packages: a description beside its tensors, and its dependencies."""

from ranvier.network.saving import (
    Kind,
    Record,
    damaged,
    differences,
    fingerprint,
    holds_pair,
    plain,
    read_pair,
    shown,
    tidy,
    write_pair,
)

__all__ = [
    "Kind",
    "Record",
    "damaged",
    "differences",
    "fingerprint",
    "holds_pair",
    "plain",
    "read_pair",
    "shown",
    "tidy",
    "write_pair",
]
