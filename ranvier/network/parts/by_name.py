"""Modules by name whose type is known."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Protocol, TypeVar

from torch import Tensor, nn
from torch.nn import Parameter

from ranvier.noting import Noting

__all__ = ["Named", "Parts"]

Kind = TypeVar("Kind", bound=nn.Module)


class Named(Noting, nn.ModuleDict):
    """A ``torch.nn.ModuleDict`` whose changes are noted."""

    def _get_name(self) -> str:
        return "ModuleDict"


class Parts(Protocol[Kind]):
    """What a network uses of ``torch.nn.ModuleDict``, for modules of one ``Kind``."""

    def __getitem__(self, key: str, /) -> Kind: ...

    def __setitem__(self, key: str, module: Kind, /) -> None: ...

    def __contains__(self, key: str, /) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...

    def __len__(self) -> int: ...

    def keys(self) -> KeysView[str]: ...

    def values(self) -> ValuesView[Kind]: ...

    def items(self) -> ItemsView[str, Kind]: ...

    def named_buffers(self, prefix: str = ..., *, remove_duplicate: bool = ...) -> Iterator[tuple[str, Tensor]]: ...

    def named_parameters(
        self, prefix: str = ..., *, remove_duplicate: bool = ...
    ) -> Iterator[tuple[str, Parameter]]: ...
