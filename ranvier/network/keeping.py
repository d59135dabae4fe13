"""What other packages need to keep something in a folder: a description beside its tensors, and what it depends on."""

from ranvier.network._saving import (
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
