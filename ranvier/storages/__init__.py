"""Storages: how the numbers of a weight lie in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.storages._bfloat16 import BFloat16
    from ranvier.storages._float16 import Float16
    from ranvier.storages._float32 import Float32
    from ranvier.storages._int8 import Int8
    from ranvier.storages._low_bits import LowBits
    from ranvier.storages._storage import Storage, StorageError
    from ranvier.storages._stored import Stored
    from ranvier.storages.registry import describe, rebuild, register, withdraw

__all__ = [
    "BFloat16",
    "Float16",
    "Float32",
    "Int8",
    "LowBits",
    "Storage",
    "StorageError",
    "Stored",
    "describe",
    "rebuild",
    "register",
    "withdraw",
]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "BFloat16": "._bfloat16",
    "Float16": "._float16",
    "Float32": "._float32",
    "Int8": "._int8",
    "LowBits": "._low_bits",
    "Storage": "._storage",
    "StorageError": "._storage",
    "Stored": "._stored",
    "describe": ".registry",
    "rebuild": ".registry",
    "register": ".registry",
    "withdraw": ".registry",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
