"""Marks of samples, by which a sample is known again."""

from __future__ import annotations

import hashlib

import torch

from ranvier.errors import RanvierError

__all__ = ["marks", "refuse_shared"]

Tensor = torch.Tensor


def marks(x: Tensor) -> list[bytes]:
    """A hash of the numbers of each sample of ``x`` [T, B, …]."""
    samples = x.detach().cpu().transpose(0, 1).float().contiguous().flatten(1).numpy()
    return [hashlib.blake2b(sample.data, digest_size=12).digest() for sample in samples]


def refuse_shared(now: set[bytes], before: set[bytes], doing: str, done: str, remedy: str) -> None:
    """Raise where samples that are used ``now`` were used ``before``."""
    if shared := len(now & before):
        raise RanvierError(
            f"{doing} with {shared} of {len(now)} different samples that {done} already: a threshold that is chosen on the samples it is "
            f"tested on looks better than it is. {remedy}"
        )
