"""Folders of models: a saved network beside its card."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ranvier._files import replace_file
from ranvier.errors import FileFormatError, RanvierError
from ranvier.limits import content, plain_file
from ranvier.models._card import Card, read_card, write_card
from ranvier.models._registry import model
from ranvier.network import Network, load, save

__all__ = ["card_in", "from_pretrained", "network_in", "save_model", "trained"]

_CARD = "card.json"
_LARGEST = 1 << 20
_WEIGHTS = Path(__file__).parent / "weights"


def trained() -> dict[str, Path]:
    """The folders of trained weights that come with the package, by name."""
    return {path.parent.name: path.parent for path in sorted(_WEIGHTS.glob(f"*/{_CARD}"))}


def from_pretrained(folder: str | os.PathLike[str]) -> Network:
    """The network in a folder that :func:`save` wrote, or of trained weights that come with the package, by name.

    Nothing is fetched or executed. The card and the network must fit each other, and the network must be what its model makes from the
    options of the card.

    Raises
    ------
    FileFormatError
        Where the folder holds no card, a damaged one, or another network.
    RanvierError
        Where the model is not registered here.

    >>> rv.models.save(rv.models.create("sew_mini"), "model/")
    >>> net = rv.models.from_pretrained("model/")
    """
    if not isinstance(folder, str | os.PathLike):
        raise FileFormatError(
            f"{folder!r} is neither a path nor a name: give a folder, or a name of rv.models.list('*.*')."
        )
    known = trained()
    path = known[folder] if isinstance(folder, str) and folder in known else Path(folder)
    return network_in(path, card_in(path))


def save_model(net: Network, folder: str | os.PathLike[str], **known: Any) -> None:
    """Save a network that :func:`create` made, with its card.

    ``known`` are fields of :class:`Card` about training: ``data``, ``licence``, ``measure``, ``figure``, ``spread``, ``seeds``, ``command``, and
    ``input`` and ``steps`` where they differ from the usual ones.

    Raises
    ------
    RanvierError
        Where the network was not made by :func:`create`, was changed since, or a field is unknown.
    FileFormatError, WriteError
        As ``rv.save``.

    >>> rv.models.save(rv.models.create("sew_mini"), "model/", data="digits", licence="CC BY 4.0", measure="accuracy", figure=0.97)
    """
    made = getattr(net, "made_by", None)
    if made is None:
        raise RanvierError("the network was not made by rv.models.create: save it with rv.save.")
    entry = model(made["model"])
    card = entry.card(entry.options(made["options"]), net)
    free = ("name", "input", "steps", "data", "licence", "measure", "figure", "spread", "seeds", "command")
    for name in known:
        if name not in free:
            raise RanvierError(f"a card takes no {name!r} from you: give one of {', '.join(free)}.")
    card = replace(card, **known)
    if card.name != entry.name and not str(card.name).startswith(f"{entry.name}."):
        raise RanvierError(
            f"name={card.name!r}: give {entry.name!r}, or with the data after a dot, such as '{entry.name}.digits'."
        )
    misfit = _misfit(net, card)
    if misfit:
        raise RanvierError(f"{misfit}: save it with rv.save.")
    try:
        text = write_card(card)
    except (TypeError, ValueError) as error:
        raise RanvierError(f"the card cannot hold {known} ({error}): give text and finite numbers.") from error
    read_card(json.loads(text), "the card")
    save(net, folder)
    replace_file(Path(folder) / _CARD, text)


def card_in(folder: Path) -> Card:
    """The card in a folder."""
    if not folder.is_dir():
        raise FileFormatError(
            f"{str(folder)!r} is no folder and no name of trained weights: give a folder that rv.models.save wrote, or a name of "
            f"rv.models.list('*.*')."
        )
    path = folder / _CARD
    if not path.is_file():
        raise FileFormatError(
            f"{folder} has no {_CARD}: give a folder that rv.models.save wrote; rv.load reads a network without a card."
        )
    text = content(plain_file(path, "card", _LARGEST))
    try:
        data = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{path} cannot be read as JSON ({str(error)[:200]}): save the model again.") from error
    return read_card(data, str(path))


def network_in(folder: Path, card: Card) -> Network:
    """The network in a folder, compared with its card and its model."""
    net = load(folder)
    misfit = _misfit(net, card)
    if misfit:
        raise FileFormatError(f"{folder}: {misfit}. Save the model again, or read the network alone with rv.load.")
    return net


def _misfit(net: Network, card: Card) -> str | None:
    """Why the network is not the one of the card; None where it is."""
    entry = model(card.name.partition(".")[0])
    made: Mapping[str, Any] = net.made_by or {}
    options, own = entry.options(card.options), made.get("options")
    if made.get("model") != entry.name or not isinstance(own, Mapping) or entry.options(own) != options:
        said = f"model {made.get('model')!r} with options {own}" if made else "no model"
        return f"the network says that it is {said}, and the card says {entry.name!r} with {options}"
    with torch.random.fork_rng(devices=[]):
        fresh = {name: tuple(q.shape) for name, q in entry.build(**options).state_dict().items()}
    held = {name: tuple(q.shape) for name, q in net.state_dict().items()}
    if fresh != held:
        other = min(set(fresh.items()) ^ set(held.items()))
        return f"the tensor {other[0]!r} of shape {list(other[1])} differs from those that {entry.name!r} makes"
    count = sum(q.numel() for q in net.parameters())
    return (
        None if count == card.parameters else f"it has {count} parameters and not {card.parameters}, as the card says"
    )
