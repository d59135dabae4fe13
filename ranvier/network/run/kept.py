"""What is set up once for calls that follow, as long as it holds: when it is made, and when it is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from ranvier.network.plan.plan import Plan
    from ranvier.network.run.bound_parts import BoundParts

__all__ = ["Kept", "place_for"]

#: a set-up that serves fewer calls before numbers change is made again only after some calls
_PAYS = 8
B = TypeVar("B", bound="BoundParts")


@dataclass
class Kept(Generic[B]):
    """The set-up of one kind of call: bound, or refused by a plan; ``wait`` calls pass before it is made again."""

    bound: B | None = None
    refused: Plan | None = None
    served: int = 0
    wait: int = 0
    length: int = 0

    def bind(self, plan_of: Callable[[], Plan], make: Callable[[Plan], B | None]) -> None:
        """Set up for calls to come, unless that was refused or does not pay yet."""
        if self.bound is not None:
            return
        if self.wait:
            self.wait -= 1
            return
        plan = plan_of()
        if self.refused is not plan:
            self.bound, self.served = make(plan), 0
            self.refused = plan if self.bound is None else None

    def drop(self) -> None:
        """Forget what no longer holds; where it served few calls, more pass before the next is made."""
        self.length = 0 if self.served >= _PAYS else min(2 * self.length + 1, 63)
        self.bound, self.wait = None, self.length


def place_for(known: dict[Any, Kept], key: Hashable, most: int, wait: int = 0) -> Kept:
    """What is kept for a kind of call, of which the last ``most`` are kept; a new one waits for ``wait`` calls."""
    kept = known.get(key)
    if kept is None:
        for old in [*known][: max(0, len(known) - most + 1)]:  # a list at once: other threads may add kinds
            known.pop(old, None)
        kept = known[key] = Kept(wait=wait)
    return kept
