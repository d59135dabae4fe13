"""From LLVM IR text to a callable: every native kernel of the package has one signature and passes through here.

``void kernel(i8** pointers, i64* integers, double* floats)``

Machine code is kept twice: in this process by key, and in files (:mod:`.store`). The key is a hash of everything the code
depends on, so a file from another version or processor is never found, let alone run.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import struct
import threading
from collections.abc import Callable, Sequence
from functools import cache

import llvmlite
import llvmlite.binding as llvm

from ranvier.kernels.cpu.llvm.processor import processor
from ranvier.kernels.cpu.llvm.store import STORE, Store

__all__ = ["KERNELS", "Kernel", "Kernels", "compile_kernel", "kernel_key", "packer"]

_PROTOTYPE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


@cache
def packer(count: int, code: str) -> Callable[..., bytes]:
    """Turns ``count`` numbers (``q`` for i64, ``d`` for double) into a table of a call."""
    return struct.Struct(f"={count}{code}").pack


class Kernel:
    """A compiled kernel; calling it releases Python's global lock for the duration.

    Attributes
    ----------
    address
        Where the machine code starts.
    run
        Takes the three tables as :func:`packer` makes them.
    """

    __slots__ = ("_keep", "address", "run")

    def __init__(self, address: int, keep: object) -> None:
        self.address = address
        self.run = _PROTOTYPE(address)
        self._keep = keep

    def __call__(self, pointers: Sequence[int], integers: Sequence[int], floats: Sequence[float] = ()) -> None:
        """Run to the end. The kernel sees copies of the three tables; results go through the pointers."""
        self.run(
            packer(len(pointers), "q")(*pointers),
            packer(len(integers), "q")(*integers),
            packer(len(floats), "d")(*floats),
        )


def _machine() -> llvm.TargetMachine:
    """A fresh target machine: each engine takes possession of its own."""
    cpu, features = processor()
    return llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=3, jit=True)


def kernel_key(name: str, text: str) -> str:
    """The hash under which the machine code of ``text`` is kept."""
    version = ".".join(map(str, llvm.llvm_version_info))
    parts = (name, text, llvmlite.__version__, version, llvm.get_default_triple(), *processor())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class Kernels:
    """The kernels of a process, or of a test: each by its key, in memory and in the files of a ``store``.

    ``compiled`` are the names of those that were compiled, ``loaded`` counts those that came from a file.
    """

    def __init__(self, store: Store = STORE) -> None:
        self._store, self._known, self._lock = store, dict[str, Kernel](), threading.Lock()
        self.compiled: list[str] = []
        self.loaded = 0

    def renew(self) -> None:
        """A forked child keeps the kernels, but not a lock that another thread may have held."""
        self._lock = threading.Lock()

    def compile(self, name: str, text: str) -> Kernel:
        """As :func:`compile_kernel`."""
        key = kernel_key(name, text)
        known = self._known.get(key)
        if known is not None:
            return known
        with self._lock:
            if key not in self._known:
                self._known[key] = self._load(name, key) or self._compile(name, key, text)
            return self._known[key]

    def _load(self, name: str, key: str) -> Kernel | None:
        """The kernel from its file, without parsing or optimising anything."""
        code = self._store.load(key)
        if code is None:
            return None
        try:
            kernel = self.link(name, llvm.parse_assembly(""), _machine(), read=lambda _module: code)
        except RuntimeError as error:
            self._store.discard(key, f"the machine code does not load ({error})")
            return None
        self.loaded += 1
        return kernel

    def _compile(self, name: str, key: str, text: str) -> Kernel:
        machine = _machine()
        module = llvm.parse_assembly(text)
        module.triple = machine.triple
        module.data_layout = str(machine.target_data)
        module.verify()
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
        objects: list[bytes] = []
        kernel = self.link(name, module, machine, write=lambda _module, code: objects.append(code))
        self.compiled.append(name)
        for code in objects:  # none where an interrupt fell into the callback, which native code cannot pass on
            self._store.save(key, code)
        return kernel

    def link(
        self,
        name: str,
        module: llvm.ModuleRef,
        machine: llvm.TargetMachine,
        write: Callable[[llvm.ModuleRef, bytes], None] | None = None,
        read: Callable[[llvm.ModuleRef], bytes] | None = None,
    ) -> Kernel:
        """The kernel of a module that is compiled, or whose machine code ``read`` hands over."""
        engine = llvm.create_mcjit_compiler(module, machine)
        engine.set_object_cache(write, read)
        engine.finalize_object()
        address = engine.get_function_address(name)
        if not address:
            raise RuntimeError(f"the module has no function {name!r}")
        return Kernel(address, engine)


#: those of this process
KERNELS = Kernels()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=KERNELS.renew)


def compile_kernel(name: str, text: str) -> Kernel:
    """Machine code for the function ``name`` of the IR module ``text``; the same text is never compiled twice.

    Raises
    ------
    RuntimeError
        When the IR is malformed or has no function of that name.
    """
    return KERNELS.compile(name, text)
