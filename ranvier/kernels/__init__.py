"""Programs become code: the reference provider in torch, the cpu provider through LLVM, and whatever is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.kernels.provider import Offer, Provider, Refusal
    from ranvier.kernels.registry import register, withdraw

__all__ = ["Offer", "Provider", "Refusal", "register", "withdraw"]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "Offer": ".provider",
    "Provider": ".provider",
    "Refusal": ".provider",
    "register": ".registry",
    "withdraw": ".registry",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
