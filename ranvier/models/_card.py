"""What a model is, what it was trained on, and how well it did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ranvier.limits.record import Record

__all__ = ["Card", "read_card", "write_card"]


@dataclass(frozen=True)
class Card:
    """The description of a model; the fields from ``data`` on are empty without trained weights.

    Attributes
    ----------
    name, family, about
        The name in :func:`ranvier.models.create`, the kind of architecture, and a description in one sentence.
    options
        The options that made the network.
    input, symbols
        Shape of one sample in one step; the number of different symbols where the input holds symbols as whole numbers, else 0.
    layout
        The axes of input and output.
    steps
        T of a usual sequence.
    streams
        Whether single steps with a state give what the whole sequence gives.
    parameters
        The number of parameters.
    papers
        Sources of the architecture.
    data, licence
        The training data with their split, and the licence of weights and data.
    measure, figure, spread, seeds
        The measure on test data, its mean and standard deviation over the seeds, and these seeds. The weights are those of the first seed.
    command
        The command that trains it again.
    """

    name: str
    family: str
    about: str
    options: Mapping[str, Any]
    input: tuple[int, ...]
    symbols: int
    layout: str
    steps: int
    streams: bool
    parameters: int
    papers: tuple[str, ...]
    data: str = ""
    licence: str = ""
    measure: str = ""
    figure: float | None = None
    spread: float | None = None
    seeds: tuple[int, ...] = field(default=())
    command: str = ""

    def __str__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        lines = [
            f"{self.name} ({self.family}): {self.about}",
            f"  made with   {options}",
            f"  layout      {self.layout}; {self.steps} steps",
            f"  parameters  {self.parameters:,}",
            *(f"  paper       {paper}" for paper in self.papers),
        ]
        if self.figure is not None:
            spread = "" if self.spread is None else f" ± {self.spread:.3g}"
            lines += [
                f"  data        {self.data}",
                f"  licence     {self.licence}",
                f"  {self.measure:<11} {self.figure:.4g}{spread} (seeds {', '.join(map(str, self.seeds))})",
                f"  command     {self.command}",
            ]
        return "\n".join(lines)


def write_card(card: Card) -> bytes:
    """The card as the bytes of a JSON file."""
    return (json.dumps(asdict(card), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_card(data: Any, where: str) -> Card:
    """The card in a JSON object, each entry checked.

    Raises
    ------
    FileFormatError
        Where an entry is missing or of another kind.
    """
    record = Record(data, where)
    return Card(
        record.text("name"), record.text("family"), record.text("about"), dict(record.child("options").data),
        record.sizes("input") or (), record.whole("symbols"), record.text("layout"), record.whole("steps", 1), record.flag("streams"),
        record.whole("parameters"), tuple(record.names("papers")), record.text("data"), record.text("licence"), record.text("measure"),
        record.number("figure") if "figure" in record else None, record.number("spread") if "spread" in record else None,
        tuple(int(x) for x in record.numbers("seeds")), record.text("command"),
    )  # fmt: skip
