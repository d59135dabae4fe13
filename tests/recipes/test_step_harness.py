"""The record of choices of the recipe step_harness: every name makes a network, and wrong names say what there is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.recipes import step_harness
from ranvier.recipes.step_harness import BODIES, CELLS, CHANGES, ENCODERS, STEMS, Config, encoded, network

SMALL = Config(channels=8, steps=3, learn=6, test=4, epochs=1)


@pytest.mark.parametrize(
    ("field", "name"), [("stem", s) for s in STEMS] + [("body", b) for b in BODIES] + [("cell", c) for c in CELLS]
)
def test_every_name_makes_a_network(field: str, name: str) -> None:
    net = network(replace(SMALL, **{field: name}), 1)
    assert net(torch.rand(1, 4, 1, 8, 8))[0].shape == (1, 4, 10)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_gives_steps(name: str) -> None:
    train, valid, test = encoded(replace(SMALL, encoder=name), 1)
    assert train[0].shape == valid[0].shape == (6, 1 if name == "mean" else 3, 1, 8, 8)
    assert 0 <= float(test[0].min()) <= float(test[0].max()) <= 1


def test_shuffled_steps_are_the_same_steps() -> None:
    config = replace(SMALL, encoder="latency")
    kept, mixed = (encoded(replace(config, order=order), 1)[0][0] for order in ("kept", "shuffled"))
    assert torch.equal(kept.sum(1), mixed.sum(1))
    assert not torch.equal(kept, mixed)
    assert torch.equal(mixed, encoded(replace(config, order="shuffled"), 1)[0][0])


def test_sets_share_no_random_spikes() -> None:
    train, valid, _ = encoded(replace(SMALL, encoder="random"), 1)
    assert not torch.equal(train[0], valid[0])


def test_stems_are_of_equal_size() -> None:
    sizes = [sum(p.numel() for p in network(replace(Config(), stem=s), 1).parameters()) for s in STEMS]
    assert max(sizes) < 1.01 * min(sizes)


@pytest.mark.parametrize("field", ["stem", "body", "cell", "surrogate", "encoder", "order"])
def test_an_unknown_name_says_what_there_is(field: str) -> None:
    wrong = replace(SMALL, **{field: "convolutoins"})
    with pytest.raises(RanvierError, match=f"{field}='convolutoins' is unknown: there are "):
        step_harness.score(wrong, 1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ranvier.errors.RanvierWarning")
def test_a_table_of_changes() -> None:
    found = rv.measure.ablate(replace(SMALL, body="none"), {"steps": [1]}, step_harness.score, seeds=(1,))
    assert found.difference("steps=1", "arithmetic")[0] < 0


def test_arms_change_fields_that_exist() -> None:
    assert set(CHANGES) == set(step_harness.recipe.arms)
    for change in CHANGES.values():
        replace(Config(), **change)
