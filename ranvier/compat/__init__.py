"""Cells of other libraries under their names and defaults, and loading of their weights. Nothing here imports these libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.compat import lava, norse, sinabs, snntorch, spikingjelly
    from ranvier.compat.loading import LoadTable, load_state_dict

__all__ = ["LoadTable", "lava", "load_state_dict", "norse", "sinabs", "snntorch", "spikingjelly"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = page(
        __name__,
        {
            "LoadTable": ".loading",
            "lava": ".lava",
            "load_state_dict": ".loading",
            "norse": ".norse",
            "sinabs": ".sinabs",
            "snntorch": ".snntorch",
            "spikingjelly": ".spikingjelly",
        },
    )
