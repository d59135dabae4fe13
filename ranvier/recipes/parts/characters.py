"""English text that ships with Python, as characters: the topics of its reference, split by documents that share no line."""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn
from torch.nn import functional

from ranvier.encoding import tokens

__all__ = ["Text", "bits", "counted", "fitted", "text", "windows"]

Tensor = torch.Tensor
Model = TypeVar("Model", bound=nn.Module)
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


def windows(ids: Tensor, steps: int) -> Tensor:
    """Pieces of a text [steps + 1, S], each of which begins with the last character of the one before."""
    return ids[: (len(ids) - 1) // steps * steps + 1].unfold(0, steps + 1, steps).t()


def fitted(
    net: Model, ids: Tensor, size: int, *, batches: int, lr: float, seed: int, steps: int = 64, rows: int = 32
) -> Model:
    """``net``, spikes [T, B, size] -> (logits of the next character, state), after Adam on windows of a text; in evaluation."""
    pieces, draw = windows(ids, steps), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, batches)
    order = torch.cat(
        [torch.randperm(pieces.shape[1], generator=draw) for _ in range(1 + batches * rows // pieces.shape[1])]
    )
    net.train()
    for part in order.split(rows)[:batches]:
        own = pieces[:, part]
        optimizer.zero_grad()
        _entropy(net(tokens(own[:-1], size))[0], own[1:], "mean").backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def bits(net: Any, ids: Tensor, size: int, rows: int = 32, steps: int = 128) -> float:
    """Bits a character of ``net`` on a text, read as ``rows`` streams whose state goes on from window to window."""
    length = (len(ids) - 1) // rows
    x, y = (ids[k : k + rows * length].view(rows, length).t() for k in (0, 1))
    total, state = 0.0, None
    for part, wanted in zip(x.split(steps), y.split(steps), strict=True):
        logits, state = net(tokens(part, size), state)
        total += float(_entropy(logits, wanted, "sum"))
    return total / (rows * length) / math.log(2)


def counted(learn: Tensor, ids: Tensor, size: int, order: int) -> float:
    """Bits a character of counts after the last ``order - 1`` characters, each mixed with those after one fewer (Witten & Bell 1991)."""
    seen, text, total = [dict[tuple[int, ...], Counter[int]]() for _ in range(order)], learn.tolist(), 0.0
    for n, table in enumerate(seen):
        for t in range(n, len(text)):
            table.setdefault(tuple(text[t - n : t]), Counter())[text[t]] += 1
    sums = [{past: (counts.total(), len(counts)) for past, counts in table.items()} for table in seen]
    text = ids.tolist()
    for t in range(order, len(text)):
        p = 1 / size
        for n, table in enumerate(seen):
            past = tuple(text[t - n : t])
            if past in table:
                total_of, kinds = sums[n][past]
                p = (table[past][text[t]] + kinds * p) / (total_of + kinds)
        total -= math.log2(p)
    return total / (len(text) - order)


def _entropy(logits: Tensor, wanted: Tensor, reduction: str) -> Tensor:
    return functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction=reduction)
