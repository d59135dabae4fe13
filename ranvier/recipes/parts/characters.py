"""English text that ships with Python, as characters: the topics of its reference, split by documents that share no line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
from torch.nn import functional
from torch.utils.data import Dataset

from ranvier.encoding import tokens

__all__ = ["Text", "Windows", "bits", "text"]

Tensor = torch.Tensor
#: documents that share a line of more characters belong together
_LINE = 30
#: rarer characters stand for one another
_RARE = 20
#: parts of the text to choose by and to report
_HELD_OUT = 0.1


class Text(NamedTuple):
    """``alphabet`` and the characters to train, to choose by, to report, as whole numbers; 0 is any rare character."""

    alphabet: str
    train: Tensor
    valid: Tensor
    test: Tensor


@lru_cache(maxsize=1)
def text() -> Text:
    """The topics, runs of white space as one space, one document after the other."""
    groups = sorted(_groups(), key=len)
    total, parts = sum(map(len, groups)), {"test": "", "valid": "", "train": ""}
    for k, group in enumerate(groups):  # the two parts take small groups in turn, until they are full
        part = ("test", "valid")[k % 2]
        parts[part if len(parts[part]) + len(group) < _HELD_OUT * total else "train"] += group + "\n"
    common = sorted(c for c, n in Counter(parts["train"]).items() if n >= _RARE)
    number = {c: k for k, c in enumerate(common, 1)}
    ids = {name: torch.tensor([number.get(c, 0) for c in part]) for name, part in parts.items()}
    return Text("\ufffd" + "".join(common), ids["train"], ids["valid"], ids["test"])


def _groups() -> list[str]:
    """Texts that share no line, each without repeated lines."""
    from pydoc_data.topics import topics

    groups: list[tuple[set[str], str]] = []
    for document in sorted(set(topics.values()), key=lambda d: (-len(d), d)):
        lines = {line.strip() for line in document.split("\n") if len(line.strip()) > _LINE}
        mine = [g for g in groups if g[0] & lines]
        groups = [g for g in groups if not g[0] & lines]
        known = set[str]().union(*(g[0] for g in mine))
        fresh = " ".join(" ".join(line for line in document.split("\n") if line.strip() not in known).split())
        groups.append((known | lines, "\n".join([*(g[1] for g in mine), fresh])))
    return [t for _, t in groups]


class Windows(Dataset[tuple[Tensor, Tensor]]):
    """Windows of ``steps`` characters as spikes [T, alphabet], and the character that follows each [T]."""

    def __init__(self, ids: Tensor, steps: int, size: int) -> None:
        self.rows, self.size = ids[: (len(ids) - 1) // steps * steps + 1], size
        self.steps = steps

    def __len__(self) -> int:
        return (len(self.rows) - 1) // self.steps

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor]:
        own = self.rows[k * self.steps : (k + 1) * self.steps + 1]
        return tokens(own[:-1, None], self.size)[:, 0], own[1:]


@torch.no_grad()
def bits(
    predict: Callable[[Tensor, object], tuple[Tensor, object]], ids: Tensor, rows: int = 32, steps: int = 128
) -> float:
    """Bits a character of ``predict(ids [T, B], state) -> (logits [T, B, alphabet], state)`` on ``rows`` streams of a text."""
    length = (len(ids) - 1) // rows
    x, y = (ids[k : k + rows * length].view(rows, length).t() for k in (0, 1))
    total, state = 0.0, None
    for part, wanted in zip(x.split(steps), y.split(steps), strict=True):
        logits, state = predict(part, state)
        total += float(functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="sum"))
    return total / (rows * length) / torch.log(torch.tensor(2.0)).item()
