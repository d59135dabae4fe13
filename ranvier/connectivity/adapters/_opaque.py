"""A module of which nothing is known, as a transform: it runs, and autograd goes back through it."""

from __future__ import annotations

from torch import nn

from ranvier.connectivity.adapters._adapter import Adapter
from ranvier.connectivity.adapters._dropout import DropoutAdapter
from ranvier.connectivity.hooks import is_unfinished
from ranvier.connectivity.registry import transform_of
from ranvier.connectivity.transform import Transform
from ranvier.errors import ShapeError

__all__ = ["Opaque"]

_RANDOM = DropoutAdapter.kinds


class Opaque(Adapter):
    """A user's own module, or one of torch without an adapter.

    Raises
    ------
    ShapeError
        For a module inside that has to know its place in a sequence: only a part of its own knows where a sequence begins.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module)
        inside = next((m for m in module.modules() if isinstance(m, Transform) and m.by_sequence), None)
        if inside is not None:
            raise ShapeError(
                f"{inside.kind} inside {self.kind} cannot know where a sequence begins: make it a part of its own, as in "
                f"rv.Sequential(…, rv.{inside.kind}(…), rv.Linear(…), …) or rv.Recurrent(cell, [rv.{inside.kind}(…), rv.Linear(…)])."
            )

    @property
    def of_torch(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the module is one of torch itself."""
        return getattr(nn, self.kind, None) is type(self.module)

    @property
    def time_major(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the module asks for [T, B, …]."""
        return getattr(self.module, "time_major", False)

    @property
    def label(self) -> str:
        """The class of the module; "linear" for what is made from torch's."""
        return "linear" if isinstance(self.module, nn.Linear) else super().label

    @property
    def input_size(self) -> int | None:
        """Cells in a row, of what is made from torch's Linear."""
        known = isinstance(self.module, nn.Linear) and not is_unfinished(self.module)
        return self.module.in_features if known else None  # pyright: ignore[reportReturnType]

    @property
    def normalises(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether it, or a module inside, keeps running statistics."""
        own = hasattr(self.module, "running_mean")
        return own or any(transform_of(m).normalises for m in self.module.children())

    @property
    def random(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether it is made from a Dropout of torch, or has one inside."""
        own = isinstance(self.module, _RANDOM)
        return own or any(transform_of(m).random for m in self.module.children())

    def mixes(self) -> bool:
        """Whether it, or a module inside, is a norm over the batch or random, as it is now."""
        own = hasattr(self.module, "running_mean") and self.module.running_mean is None
        return own or super().mixes() or any(transform_of(m).mixes() for m in self.module.children())
