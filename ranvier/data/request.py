"""What a set is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ranvier.data._card import Card
from ranvier.data._places import find, verified

__all__ = ["Request"]


@dataclass(frozen=True)
class Request:
    """Folders to look in, whether files are compared with their pins, whether what is missing may be fetched."""

    roots: tuple[Path, ...]
    verify: bool = True
    download: bool = False

    def files(self, card: Card, pins: dict[str, str], *also: Path) -> list[Path]:
        """The files that ``pins`` names with their SHA-256, from a folder of the set's name or one of ``also``."""
        place = find(pins, [*(root / card.name for root in self.roots), *also], card.name, card.source)
        return [verified(place / file, pin) if self.verify else place / file for file, pin in pins.items()]
