"""Torch's largest library, mapped by a thread of its own while Python imports what does not need it.

``import torch`` waits 0.2 s for the linker of the system, and holds Python's global lock all the while. A call of the
linker through ctypes gives that lock up, so the main thread can import SymPy meanwhile. Torch then finds the library mapped.
The mapping begins when this module is imported, once in a process.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

__all__ = ["map_torch"]

#: as torch maps them: what it depends on is to be seen by all later libraries
_LIBRARIES = {"libtorch_global_deps.so": "RTLD_GLOBAL", "libtorch_cpu.so": "RTLD_LOCAL"}
#: of the standard library, with code of their own, and imported by SymPy: the linker serves one caller at a time
_BEFORE = ("cmath", "decimal", "random", "shutil", "subprocess", "unicodedata")


def map_torch() -> None:
    """Start, if torch is not imported yet, the process has a second processor, and the libraries are where wheels put them.

    Nothing is lost if this fails: torch maps what is not mapped yet.
    """
    if sys.platform != "linux" or "torch" in sys.modules or len(os.sched_getaffinity(0)) < 2:
        return
    found = find_spec("torch")
    if found is None or found.origin is None:
        return
    folder = Path(found.origin).parent / "lib"
    if not all((folder / name).exists() for name in _LIBRARIES):
        return
    for name in _BEFORE:
        import_module(name)
    with suppress(RuntimeError):  # no more threads
        threading.Thread(target=_map, args=(folder,), name="ranvier: map torch").start()


def _map(folder: Path) -> None:
    """Map the libraries in order, up to the first that the linker refuses."""
    try:
        dlopen = ctypes.CDLL(None).dlopen
    except AttributeError:
        return
    dlopen.restype, dlopen.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for name, scope in _LIBRARIES.items():
        if not dlopen(os.fsencode(folder / name), os.RTLD_NOW | getattr(os, scope)):
            return


map_torch()
