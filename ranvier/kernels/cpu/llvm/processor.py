"""The processor that machine code is made for: the one it runs on, with narrower vectors where the user asks for them.

``RANVIER_VECTOR_BITS=256`` leaves the AVX-512 instructions of a processor unused. Code made so measures what a processor
without them does; no result depends on it.
"""

from __future__ import annotations

import os
from functools import cache

import llvmlite.binding as llvm

from ranvier.errors import ProviderError

__all__ = ["has_feature", "processor"]

#: beginnings of the names of LLVM's target features that need vectors of 512 bits
_WIDE = ("avx512", "avx10", "evex512", "amx")


@cache
def processor() -> tuple[str, str]:
    """LLVM's name of the processor, and its features as one text."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.get_host_cpu_name(), _features(os.environ.get("RANVIER_VECTOR_BITS") or None)


@cache
def has_feature(name: str) -> bool:
    """Whether code may use an LLVM target feature, for example ``avx512f``."""
    return f"+{name}" in processor()[1].split(",")


def _features(bits: str | None) -> str:
    features = llvm.get_host_cpu_features()
    if bits not in (None, "256", "512"):
        raise ProviderError(
            f"RANVIER_VECTOR_BITS={bits!r} is neither 256 nor 512: set one of them, or unset it for the widest vectors."
        )
    if bits == "256":
        features.update((name, False) for name in features if name.startswith(_WIDE))
    return features.flatten()
