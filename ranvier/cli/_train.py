"""``ranvier train NAME``: make trained weights of a named model again."""

from __future__ import annotations

from pathlib import Path

import tyro
from rich.console import Console

from ranvier.models.training import train_weights

__all__ = ["train"]


def train(name: tyro.conf.Positional[str], out: Path = Path("out"), seeds: tuple[int, ...] = (0, 1, 2)) -> None:
    """Train a named model and save it with its card.

    Parameters
    ----------
    name
        Such as sew_mini.digits.
    out
        The model goes into a folder of its name in this folder.
    seeds
        One network each; the weights of the first are saved.
    """
    card = train_weights(name, out / name, seeds)
    Console().print(str(card), highlight=False, markup=False)
