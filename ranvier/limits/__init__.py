"""Bounds on the memory and time of a request or a file, and on the actions of another library that reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.limits._files import content, plain_file
    from ranvier.limits._hdf5 import own_dataset
    from ranvier.limits._memory import free_bytes, need, spell, within_memory
    from ranvier.limits._npz import read_npy, read_npz
    from ranvier.limits.guard import Answer, guarded

__all__ = [
    "Answer",
    "content",
    "free_bytes",
    "guarded",
    "need",
    "own_dataset",
    "plain_file",
    "read_npy",
    "read_npz",
    "spell",
    "within_memory",
]

_PUBLIC = {
    "Answer": ".guard",
    "content": "._files",
    "free_bytes": "._memory",
    "guarded": ".guard",
    "need": "._memory",
    "own_dataset": "._hdf5",
    "plain_file": "._files",
    "read_npy": "._npz",
    "read_npz": "._npz",
    "spell": "._memory",
    "within_memory": "._memory",
}
__getattr__, __dir__ = page(__name__, _PUBLIC)
