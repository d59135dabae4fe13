"""Synapses that bring something in every step, inside a circuit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.kernels.cpu.graded.form import Graded, alike, graded_form, shown_of, steady_form
    from ranvier.kernels.cpu.graded.kernel import graded_kernel
    from ranvier.kernels.cpu.graded.pack import pack_graded, pack_steady

__all__ = [
    "Graded", "alike", "graded_form", "graded_kernel", "pack_graded", "pack_steady", "shown_of", "steady_form",
]  # fmt: skip

# Public name -> the module that holds it: circuits without such synapses load none of them.
_PUBLIC: dict[str, str] = {
    **dict.fromkeys(("Graded", "alike", "graded_form", "shown_of", "steady_form"), ".form"),
    "graded_kernel": ".kernel",
    **dict.fromkeys(("pack_graded", "pack_steady"), ".pack"),
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
