"""A module that shows the tensors and inner modules of another module as its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

from torch import Tensor, nn

__all__ = ["Shown"]


class Shown(nn.Module):
    """A module that computes with ``behind`` and has the parameters and buffers of ``owner``, a part of it.

    Both keep them in the same tables of torch, so ``.to``, loading, optimisers and assignments through one act on the
    other, and the keys of ``state_dict`` are as short as without the module behind. ``inner`` are the modules
    that it has as children.
    """

    _behind: nn.Module

    def __init__(self, behind: nn.Module, owner: nn.Module, inner: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for table in ("_parameters", "_buffers", "_non_persistent_buffers_set"):
            self.__dict__[table] = owner.__dict__[table]
        self.__dict__["_behind"] = behind  # no child of torch: its tensors would have two names
        self._modules.update(inner)
        self.training = behind.training

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._behind._apply(fn, recurse)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set the mode of everything behind it, too."""
        self._behind.train(mode)
        return super().train(mode)
