"""One door to all data sets."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ranvier.data._errors import DataError
from ranvier.data._places import roots
from ranvier.data._samples import Splits
from ranvier.data.request import Request

__all__ = ["load", "names"]

_LOG = logging.getLogger("ranvier.data")
_SETS = {
    "braille_touch": "_series",
    "cifar10_dvs": "_cameras",
    "digits": "_images",
    "dvs_gesture": "_cameras",
    "emg_gestures": "_muscles",
    "fashion_mnist": "_images",
    "fsdd": "_sound",
    "har_phone_watch": "_motion",
    "japanese_vowels": "_series",
    "mnist": "_images",
    "mnist_t10k": "_images",
    "nmnist": "_cameras",
    "nmnist_small": "_series",
    "shd": "_spoken_spikes",
    "speech_commands": "_sound",
    "ssc": "_spoken_spikes",
}
_told: set[str] = set()


def names() -> tuple[str, ...]:
    """The sets that :func:`load` knows.

    >>> "shd" in rv.data.names()
    True
    """
    return tuple(_SETS)


def load(
    name: str,
    *,
    folder: str | os.PathLike[str] | None = None,
    download: bool = False,
    verify: bool = True,
    transform: Callable[[Any], Any] | None = None,
) -> Splits:
    """A real data set in three parts, with its card; each part is what ``rv.train`` takes.

    Parameters
    ----------
    name
        One of :func:`names`.
    folder
        Folder above those of the sets; where None the one that ``RANVIER_DATA`` names, or else ``data``.
    download
        Fetch what is missing: shd, ssc, nmnist, dvs_gesture and cifar10_dvs, through tonic (extra ``data-gpl``). Never while
        ``RANVIER_OFFLINE`` is set.
    verify
        Compare files that have a pinned SHA-256 with it.
    transform
        Item → x [T, …], in place of the set's own: events come in ``Bins``, images [H, W] and sounds [samples] as they
        are.

    Returns
    -------
    Splits
        ``train``, ``valid``, ``test`` and ``card``, whose licence and citation are also logged once, at level INFO.

    Raises
    ------
    DataError
        Where the set is unknown or not on this machine, or a package is missing.
    FileFormatError
        Where a file is damaged or not the pinned one.

    Examples
    --------
    >>> sets = rv.data.load("braille_touch")
    >>> x, y = sets.train[0]
    >>> source = sets.card.citation
    """
    module = _SETS.get(name)
    if module is None:
        raise DataError(f"no data set {name!r}; there are {', '.join(_SETS)}")
    build: Callable[[Request], Splits] = getattr(import_module(f"ranvier.data.sets.{module}"), name)
    sets = build(Request(roots(folder), verify, download))
    if name not in _told:
        _told.add(name)
        _LOG.info("%s", sets.card)
    return sets if transform is None else sets.through(transform)
