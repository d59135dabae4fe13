"""A network, or a layer, whose call gives its output alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import nn

from ranvier.network.inner import check_called
from ranvier.network.shown import Shown

__all__ = ["OutputOnly"]


class OutputOnly(Shown):
    """``y = module(x)`` for a module whose call gives (output, state): what ``torch.nn.Sequential`` and losses take.

    Every call starts from a fresh state, unless it is given one: ``y = module(x, state)``. Parameters, keys of ``state_dict`` and
    modules inside are those of the module behind, :attr:`module`, and so is every other attribute.

    >>> model = nn.Sequential(nn.Linear(8, 4), rv.LIF(4).layer(dt=1*ms).output_only(), nn.Linear(4, 2))
    >>> model(torch.rand(10, 3, 8)).shape
    torch.Size([10, 3, 2])
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module, module, {})
        self.__dict__["_modules"] = module.__dict__["_modules"]
        self.register_load_state_dict_post_hook(_reported)

    if not TYPE_CHECKING:  # a misspelt name is an error to type checkers

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                behind = self.__dict__.get("_behind")
                if behind is None:
                    raise
                return getattr(behind, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, nn.Module):
            setattr(self._behind, name, value)
        else:
            super().__setattr__(name, value)

    @property
    def module(self) -> nn.Module:
        """The module behind, whose call also gives the state."""
        return self._behind

    @property
    def inner_network(self) -> Any:
        """That of the module behind."""
        check_called(self, OutputOnly)
        return self._behind.inner_network  # pyright: ignore[reportAttributeAccessIssue]

    def forward(self, *args: Any, **how: Any) -> Any:
        """The output of the module behind."""
        return self._behind(*args, **how)[0]

    def named_modules(
        self, memo: set[nn.Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Module]]:
        """Those of the module behind, in whose place this one stands."""
        for name, module in self._behind.named_modules(memo, prefix, remove_duplicate):
            yield name, self if module is self._behind else module

    def state_dict(self, *args: Any, **how: Any) -> Any:
        """That of the module behind."""
        return self._behind.state_dict(*args, **how)

    def _load_from_state_dict(self, *args: Any) -> None:
        self._behind._load_from_state_dict(*args)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._behind!r})"


def _reported(module: Any, keys: Any) -> None:
    """Report what loading found to the module behind, which may know shorter names."""
    behind = module._behind
    for report in behind._load_state_dict_post_hooks.values():
        report(behind, keys)
