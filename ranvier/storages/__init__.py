"""Storages: how the numbers of a weight lie in memory."""

from ranvier.storages._bfloat16 import BFloat16
from ranvier.storages._float16 import Float16
from ranvier.storages._float32 import Float32
from ranvier.storages._int8 import Int8
from ranvier.storages._storage import Storage, StorageError
from ranvier.storages._stored import Stored
from ranvier.storages.registry import register, withdraw

__all__ = [
    "BFloat16",
    "Float16",
    "Float32",
    "Int8",
    "Storage",
    "StorageError",
    "Stored",
    "register",
    "withdraw",
]
