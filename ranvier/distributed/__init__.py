"""Several processes that run one network together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.distributed._join import join
    from ranvier.distributed._processes import Processes

__all__ = ["Processes", "join"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = page(__name__, {"Processes": "._processes", "join": "._join"})
