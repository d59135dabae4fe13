"""Trained weights: their card is complete, and they do on test data what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.data import load
from ranvier.errors import RanvierError
from ranvier.models.training import TRAININGS, accuracy, shown, train_weights

NAMES = rv.models.list("*.*")


def test_every_training_makes_what_its_name_says() -> None:
    for name, t in TRAININGS.items():
        assert name == f"{t.model}.{t.data}"
        net = rv.models.create(t.model, **t.options)
        assert net(torch.rand(t.steps, 1, 1, 8, 8))[0].shape == (t.steps, 1, 10)
    assert set(NAMES) <= set(TRAININGS)


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_do_what_the_card_says(name: str) -> None:
    card = rv.models.card(name)
    assert card.data
    assert "Apache-2.0" in card.licence
    assert card.command == f"ranvier train {name}"
    assert len(card.seeds) >= 3
    net = rv.models.create(name)
    folder = Path(rv.models.__file__).parent / "weights" / name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_000_000
    right = accuracy(net, *shown(load(name.partition(".")[2]).test.tensors(), card.steps))
    assert card.figure is not None
    assert card.spread is not None
    assert abs(right - card.figure) <= 2 * card.spread + 1e-6
    assert right > 0.9


def test_names_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(RanvierError, match=r"Did you mean 'sew_mini\.digits'"):
        train_weights("sew_mini.digit", tmp_path)
    with pytest.raises(RanvierError, match="seeds is empty"):
        train_weights("sew_mini.digits", tmp_path, seeds=())
