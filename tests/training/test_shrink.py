"""Time-step reduction: each stage is a training of its own that starts from the last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.errors import TrainingError
from tests.training.job import Data

Maker = Callable[..., rv.Sequential]


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_stages_are_trainings_in_a_row(net: Maker, task: Callable[..., Data]) -> None:
    x, y = task(40)
    made, twin = net(), net()
    stages = rv.shrink_steps(made, ((x, y), (x, y)), steps=(9, 5, 1), epochs=(2, 1, 3), lr=1e-2, progress=False)
    assert [s.steps for s in stages] == [9, 5, 1]
    assert [len(s.fit.history) for s in stages] == [2, 1, 3]
    for stage, epochs in zip(stages, (2, 1, 3), strict=True):
        cut = (x[:, : stage.steps], y)
        fit = rv.train(twin, cut, cut, epochs=epochs, lr=1e-2, progress=False)
        assert [e.train for e in fit.history] == [e.train for e in stage.fit.history]
        assert same(stage.net, twin)
    assert same(made, twin)
    assert not same(stages[0].net, stages[1].net)


def test_data_may_depend_on_the_steps(net: Maker, task: Callable[..., Data]) -> None:
    x, y = task(20)
    asked = []

    def data(steps: int) -> tuple[object, object]:
        asked.append(steps)
        return (x[:, -steps:], y), None

    rv.shrink_steps(net(), data, steps=(3, 2), epochs=1, progress=False)
    assert asked == [3, 2]


def test_lengths_are_cut_too(net: Maker, task: Callable[..., Data]) -> None:
    x, y = task(20)
    lengths = torch.full((20,), 15)
    stages = rv.shrink_steps(net(), ((x, y, lengths), None), steps=(4, 2), epochs=1, progress=False)
    assert len(stages) == 2


def test_an_interrupted_reduction_goes_on_to_the_same_end(
    net: Maker, task: Callable[..., Data], tmp_path: Path
) -> None:
    x, y = task(30)
    whole, cut = net(), net()
    how = {"steps": (6, 3, 1), "epochs": 2, "lr": 1e-2, "progress": False}
    rv.shrink_steps(whole, ((x, y), (x, y)), **how)

    class Stop(Exception):
        pass

    def stop(epoch: rv.Fit, net: rv.Network) -> None:
        done.append(epoch)
        if len(done) == 4:
            raise Stop

    done: list[object] = []
    with pytest.raises(Stop):
        rv.shrink_steps(cut, ((x, y), (x, y)), checkpoint=tmp_path, callbacks=[stop], **how)
    again = net()
    rv.shrink_steps(again, ((x, y), (x, y)), checkpoint=tmp_path, **how)
    assert same(whole, again)


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ({"steps": (3, 3), "epochs": 1}, "that fall"),
        ({"steps": (), "epochs": 1}, "that fall"),
        ({"steps": (3, 0), "epochs": 1}, "positive whole"),
        ({"steps": (3, 2), "epochs": (1, 2, 3)}, "each of the 2 stages"),
        ({"steps": (99, 2), "epochs": 1}, "fewer than the 99"),
    ],
)
def test_mistakes_are_named(net: Maker, task: Callable[..., Data], how: dict[str, object], what: str) -> None:
    x, y = task(10)
    with pytest.raises(TrainingError, match=what):
        rv.shrink_steps(net(), ((x, y), None), progress=False, **how)  # type: ignore[arg-type]


def test_sets_that_cannot_be_cut_are_named(net: Maker) -> None:
    with pytest.raises(TrainingError, match="function of steps"):
        rv.shrink_steps(net(), ([1, 2, 3, 4], None), steps=(2, 1), epochs=1)
    with pytest.raises(TrainingError, match="as a pair"):
        rv.shrink_steps(net(), 3, steps=(2, 1), epochs=1)  # type: ignore[arg-type]
