"""Metrics are their formulas over a whole set, however it is cut into batches, and fit the loss or are refused."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.training.metrics import MAE, R2, RMSE, Accuracy
from tests.training.test_targets import build, spikes

Tensor = torch.Tensor
quiet = partial(rv.train, progress=False)


def given(out: Tensor, target: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
    return out, target


@pytest.mark.parametrize("cut", [[10], [1, 9], [4, 3, 3], [1] * 10])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_values_do_not_depend_on_batches(cut: list[int], offset: float) -> None:
    torch.manual_seed(0)
    found, truth = torch.rand(2, 10, 3, dtype=torch.float64) + offset
    share = 1 - (found - truth).square().sum(0) / (truth - truth.mean(0)).square().sum(0)
    expected = {
        RMSE: (found - truth).square().mean().sqrt(),
        MAE: (found - truth).abs().mean(),
        R2: share.mean(),
        Accuracy: (found.argmax(1) == truth.argmax(1)).double().mean(),
    }
    for kind, value in expected.items():
        tally = kind(given).tally()
        pairs = (found.argmax(1), truth.argmax(1)) if kind is Accuracy else (found, truth)
        for a, b in zip(*(part.split(cut) for part in pairs), strict=True):
            tally.add(a, b, None, len(a))
        assert tally.value() == pytest.approx(float(value), rel=1e-8), kind


def test_the_share_of_a_constant_target_is_undefined() -> None:
    tally = R2(given).tally()
    tally.add(torch.rand(4, 2), torch.tensor([[0.0, 1.0], [1.0, 1.0]] * 2), None, 4)
    with pytest.raises(TrainingError, match="value 1 of the targets is the same in all 4 samples"):
        tally.value()


@pytest.mark.parametrize(
    ("loss", "metric", "message"),
    [
        (rv.losses.Regression(), "accuracy", r"compares classes, but Regression has values as targets: use 'rmse', 'mae', 'r2'"),
        (rv.losses.MaxOverTime(), "r2", "compares values, but MaxOverTime has classes as targets: use 'accuracy', 'loss'"),
        (rv.losses.OverTime(torch.nn.MSELoss()), "accuracy", "compares classes, but OverTime has values"),
        (rv.losses.OverTime(torch.nn.BCEWithLogitsLoss()), "accuracy", "gives no estimates that it could compare"),
        (rv.losses.Regression(), "r3", "metric='r3' is unknown: use 'rmse', 'mae', 'r2', 'loss', a function"),
        (lambda out, y: out.mean(), "rmse", "compares values, but loss=<lambda>, a function, has classes"),
        (rv.losses.Regression(), 3, "metric=3 is not a metric"),
    ],
)  # fmt: skip
def test_a_metric_that_does_not_fit_is_refused(loss: Any, metric: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        quiet(build(), (torch.rand(23, 4, 6), torch.rand(23, 3)), epochs=1, loss=loss, metric=metric)


def test_restore_best_by_name() -> None:
    """Two metrics that disagree: the named one chooses, for the parameters and for early stopping."""
    x = spikes(12)
    y = x.mean(1)[:, :3]
    kept: list[Tensor] = []

    def epochs(out: Tensor, _: Tensor) -> float:
        return float(len(kept))  # better and better

    how: dict[str, Any] = {"epochs": 5, "lr": 1.0, "loss": rv.losses.Regression(), "metric": ["rmse", "r2", epochs]}
    for best, expected in (("epochs", 5), ("loss", None), ("r2", None), (True, None)):
        kept.clear()
        net = build()
        callback = [lambda e, n: kept.append(next(n.parameters()).detach().clone())]
        fit = quiet(net, (x, y), (x, y), callbacks=callback, restore_best=best, **how)
        chosen = "rmse" if best is True else best
        values = [e.valid.of(chosen) for e in fit.history]
        top = max(values) if chosen in ("epochs", "r2") else min(values)
        assert fit.best.chosen == chosen
        assert values[fit.best_epoch - 1] == top
        assert expected is None or fit.best_epoch == expected
        assert torch.equal(next(net.parameters()), kept[fit.best_epoch - 1])
    with pytest.raises(
        TrainingError, match="restore_best='accuracy' is not scored: use 'loss', 'rmse', 'r2', 'epochs'"
    ):
        quiet(build(), (x, y), (x, y), **{**how, "restore_best": "accuracy"})


class TestCallbacks:
    def test_all_numbers_by_name(self) -> None:
        x = spikes(12)
        data = (x, x.mean(1)[:, :3])
        seen: list[dict[str, float]] = []
        fit = quiet(
            build(),
            data,
            data,
            epochs=2,
            loss=rv.losses.Regression(),
            callbacks=[lambda e, _: seen.append(e.numbers())],
        )
        assert {
            "train/loss",
            "train/rmse",
            "valid/loss",
            "valid/rmse",
            "rate/lif1",
            "lr",
            "gradient",
            "seconds",
        } == set(seen[1])
        assert seen[1]["valid/rmse"] == fit.history[1].valid.of("rmse")

    @pytest.mark.parametrize("end", [True, torch.tensor(True), np.True_])
    def test_every_truth_ends_the_training(self, end: Any) -> None:
        x = spikes(8)
        data = (x, torch.arange(8) % 3)
        assert len(quiet(build(), data, epochs=5, callbacks=[lambda e, _: end]).history) == 1

    def test_another_answer_and_an_error_are_named(self) -> None:
        x = spikes(8)
        data = (x, torch.arange(8) % 3)
        with pytest.raises(TrainingError, match=r"gave float 0\.5: return True to end the training"):
            quiet(build(), data, epochs=5, callbacks=[lambda e, _: 0.5])

        def plots(epoch: rv.training.Epoch, net: rv.Network) -> None:
            raise ValueError("no window")

        with pytest.raises(ValueError, match="no window") as caught:
            quiet(build(), data, epochs=5, callbacks=[plots])
        assert "plots raised this after epoch 1, before the checkpoint" in caught.value.__notes__[0]

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            (lambda epoch, net: None, r"callbacks=<function .* is not a list: write callbacks=\[…\]"),
            (iter([lambda epoch, net: None]), "callbacks=.* is not a list"),  # which the first epoch would use up
            ([3], "callbacks has 3, which is no callback"),
            ([rv.training.TensorBoard], "which is no callback: give functions"),
        ],
    )
    def test_what_is_no_list_of_callbacks_is_named(self, given: Any, words: str) -> None:
        with pytest.raises(TrainingError, match=words):
            quiet(build(), (spikes(8), torch.arange(8) % 3), epochs=1, callbacks=given)

    def test_a_writer_gets_every_epoch(self) -> None:
        written: list[tuple[str, float, int]] = []

        class Writer:
            def add_scalar(self, name: str, value: float, step: int) -> None:
                written.append((name, value, step))

            def flush(self) -> None:
                written.append(("flush", 0.0, 0))

        x = spikes(8)
        data = (x, torch.arange(8) % 3)
        fit = quiet(build(), data, data, epochs=2, callbacks=[rv.training.TensorBoard(writer=Writer())])
        expected = [(n, v, e.epoch) for e in fit.history for n, v in e.numbers().items()]
        assert [one for one in written if one[0] != "flush"] == expected
        assert written[-1][0] == "flush"
        for wrong in ({}, {"folder": "a", "writer": Writer()}):
            with pytest.raises(TrainingError, match="takes a folder, or a writer of your own"):
                rv.training.TensorBoard(**wrong)

    @pytest.mark.skipif(importlib.util.find_spec("tensorboard") is not None, reason="the package is there")
    def test_the_missing_package_is_named(self) -> None:
        with pytest.raises(TrainingError, match=r"pip install 'ranvier\[tensorboard\]'"):
            rv.training.TensorBoard("runs")

    def test_files_of_tensorboard(self, tmp_path: Path) -> None:
        """What is read back, also where an epoch is written twice by a training that was resumed."""
        pytest.importorskip("tensorboard", reason="writing for TensorBoard needs: pip install 'ranvier[tensorboard]'")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        x = spikes(8)
        data = (x, torch.arange(8) % 3)
        quiet(build(), data, epochs=3, callbacks=[rv.training.TensorBoard(tmp_path)])
        quiet(build(), data, epochs=2, callbacks=[rv.training.TensorBoard(tmp_path)])
        read = EventAccumulator(str(tmp_path)).Reload()
        assert [event.step for event in read.Scalars("train/loss")] == [1, 2]
