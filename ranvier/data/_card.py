"""What a data set is, who made it, and what one may do with it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Card"]


@dataclass(frozen=True)
class Card:
    """The description that comes with a set.

    Attributes
    ----------
    name
        As given to ``load``.
    title
        One line.
    licence, citation, source
        Who may use it, whom to cite, where it comes from.
    classes
        Names in the order of their numbers.
    split
        How train, validation and test were divided.
    """

    name: str
    title: str
    licence: str
    citation: str
    source: str
    classes: tuple[str, ...]
    split: str

    def __str__(self) -> str:
        return f"{self.name}: {self.title}. Licence: {self.licence}. Cite: {self.citation}. From: {self.source}. Split: {self.split}."
