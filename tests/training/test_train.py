"""The training loop learns, stops, schedules, and refuses what it cannot do with a sentence."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import ranvier as rv
from ranvier.errors import RanvierWarning, ShapeError, TrainingError
from ranvier.network import GraphError
from ranvier.units import ms

Make = Callable[..., rv.Sequential]
Task = Callable[..., tuple[torch.Tensor, torch.Tensor]]
quiet = partial(rv.train, progress=False)


class TestLearning:
    @pytest.mark.parametrize("provider", ["cpu", "reference"])
    def test_a_separable_task_is_learnt(self, net: Make, task: Task, provider: str) -> None:
        made = net(provider=provider)
        fit = quiet(made, task(200), task(100, seed=1), epochs=8, lr=1e-2, batch_size=32)
        assert fit.best_score >= 0.97
        assert fit.history[-1].train.loss < 0.5 * fit.history[0].train.loss

    def test_both_providers_learn_alike(self, net: Make, task: Task) -> None:
        fits = [quiet(net(provider=p), task(96), task(60, seed=1), epochs=3, lr=1e-2) for p in ("cpu", "reference")]
        a, b = ([e.valid.loss for e in fit.history] for fit in fits)
        assert a == pytest.approx(b, rel=1e-3)
        assert fits[0].best_score == pytest.approx(fits[1].best_score, abs=0.02)

    @pytest.mark.parametrize(
        "loss",
        [
            rv.losses.SpikeCount(),
            rv.losses.SpikeRate(),
            rv.losses.FirstSpike(temperature=2.0),
            None,
        ],
    )
    def test_losses_on_spikes_learn(self, net: Make, task: Task, loss: rv.losses.Loss | None) -> None:
        fit = quiet(net(fires=True), task(200), task(100, seed=1), epochs=12, lr=1e-2, batch_size=32, loss=loss)
        assert fit.best_score >= 0.9

    @pytest.mark.parametrize(
        "loss",
        [
            rv.losses.MaxOverTime(),
            rv.losses.MeanMembrane(scale=5.0),
            rv.losses.LastMembrane(scale=5.0),
            rv.losses.OverTime(nn.CrossEntropyLoss(label_smoothing=0.1)),
            lambda out, y: nn.functional.cross_entropy(5 * out.mean(0), y),
        ],
    )
    def test_losses_on_the_membrane_learn(self, net: Make, task: Task, loss: rv.losses.Loss) -> None:
        fit = quiet(
            net(), task(200), task(100, seed=1), epochs=10, lr=1e-2, batch_size=32, loss=loss, metric="accuracy"
        )
        assert fit.best_score >= 0.9

    @pytest.mark.parametrize("optimizer", ["adamw", "sgd", partial(torch.optim.SGD, momentum=0.9)])
    def test_optimisers(self, net: Make, task: Task, optimizer: str) -> None:
        fit = quiet(net(), task(64), epochs=3, lr=0.05, optimizer=optimizer)
        assert fit.history[-1].train.loss < fit.history[0].train.loss

    def test_a_loop_written_by_hand_learns_too(self, net: Make, task: Task) -> None:
        made, (x, y) = net(), task(200)
        optimizer = torch.optim.Adam(made.parameters(), lr=1e-2)
        for _ in range(40):
            optimizer.zero_grad()
            out, _ = made(x.transpose(0, 1))
            nn.functional.cross_entropy(out.amax(0), y).backward()
            optimizer.step()
        out, _ = made(task(100, seed=1)[0].transpose(0, 1))
        assert (out.amax(0).argmax(1) == task(100, seed=1)[1]).float().mean() >= 0.9

    def test_a_network_that_ends_in_a_transform_learns(self, task: Task) -> None:
        torch.manual_seed(0)
        made = rv.Sequential(rv.Linear(12, 20), rv.LIF(20), rv.Linear(20, 3), dt=1 * ms)
        fit = quiet(made, task(200), task(100, seed=1), epochs=10, lr=1e-2, loss=rv.losses.MeanMembrane())
        assert fit.best_score >= 0.9

    def test_a_regression_has_a_loss_and_no_accuracy(self, net: Make, task: Task) -> None:
        x, _ = task(32)
        fit = quiet(net(), (x, torch.rand(32, 3)), epochs=2, loss=rv.losses.OverTime(nn.MSELoss()))
        assert fit.history[0].train.accuracy is None
        assert fit.best_score == min(e.train.loss for e in fit.history)


class TestData:
    def test_tensors_datasets_and_loaders_are_one(self, net: Make, task: Task) -> None:
        x, y = task(48)
        losses = []
        for source in ((x, y), TensorDataset(x, y)):
            losses.append([e.train.loss for e in quiet(net(), source, epochs=2, batch_size=16).history])
        assert losses[0] == losses[1]
        fits = [quiet(net(), DataLoader(TensorDataset(x, y), 16, shuffle=True), epochs=2) for _ in range(2)]
        assert fits[0].history[-1].train == fits[1].history[-1].train

    def test_order_depends_on_seed_and_epoch_alone(self, task: Task, net: Make) -> None:
        from ranvier.training.batches import open_batches

        batches = open_batches(task(20), 8, 3, "train_set")
        first = [y.tolist() for _, y, _ in batches.epoch(1)]
        torch.rand(5)
        assert first == [y.tolist() for _, y, _ in batches.epoch(1)]
        assert first != [y.tolist() for _, y, _ in batches.epoch(2)]
        assert [len(y) for y in first] == [8, 8, 4]
        assert next(batches.epoch(1))[0].shape == (15, 8, 12)

    def test_several_inputs(self) -> None:
        net = rv.Network(dt=1 * ms)
        for name in ("a", "b"):
            net.input(name, 3)
        net.population("out", 2, rv.LeakyReadout(), output=True)
        net.connect("a", "out", rv.Linear(3, 2))
        net.connect("b", "out", rv.Linear(3, 2))
        x = {"a": torch.rand(10, 5, 3), "b": torch.rand(10, 5, 3)}
        assert len(quiet(net, (x, torch.zeros(10, dtype=torch.long)), epochs=2, batch_size=4).history) == 2

    def test_training_leaves_the_random_numbers_of_the_caller_alone(self, net: Make, task: Task) -> None:
        made, data = net(), task(20)
        torch.manual_seed(7)
        expected = torch.rand(3)
        torch.manual_seed(7)
        quiet(made, data, data, epochs=1)
        assert torch.equal(torch.rand(3), expected)

    def test_samples_of_two_lengths_are_named(self, net: Make) -> None:
        samples = [(torch.zeros(t, 12), 0) for t in (5, 7)]
        with pytest.raises(ShapeError, match=r"\(5, 12\), \(7, 12\).*pad them"):
            quiet(net(), samples, epochs=1)


class TestMetrics:
    """What is scored is what was asked for, and it chooses the best epoch."""

    @staticmethod
    def population_code(out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Cells 0 to 5 in pairs: the class is the pair whose mean is highest."""
        return nn.functional.cross_entropy(out.mean(0).unflatten(1, (3, 2)).mean(2), y)

    @staticmethod
    def pairs(out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (out.mean(0).unflatten(1, (3, 2)).mean(2).argmax(1) == y).float().mean()

    def build(self) -> rv.Sequential:
        torch.manual_seed(0)
        parts = (rv.Linear(12, 20), rv.LIF(20), rv.Linear(20, 6), rv.LeakyReadout(6))
        return rv.Sequential(*parts, dt=1 * ms)

    def test_a_population_code_is_scored_by_its_own_metric(self, task: Task) -> None:
        made, valid = self.build(), task(100, seed=1)
        how: dict[str, Any] = {"epochs": 12, "lr": 2e-2, "batch_size": 32, "loss": self.population_code}
        fit = quiet(made, task(200), valid, metric=self.pairs, **how)
        out, _ = made(valid[0].transpose(0, 1))
        assert fit.best_score == pytest.approx(float(self.pairs(out, valid[1])), abs=1e-6)
        assert fit.best_score >= 0.85
        assert fit.best.valid.accuracy is None
        assert "validation pairs" in repr(fit)
        assert fit.best_score == max(e.valid.metrics["pairs"] for e in fit.history)
        plain = quiet(self.build(), task(200), valid, metric=[self.pairs, "accuracy"], **how)
        assert plain.best.valid.accuracy < 0.6, "the class of the highest single cell is another thing"
        assert "accuracy" in plain.table().splitlines()[0]

    def test_a_function_without_a_metric_is_chosen_by_its_loss(self, task: Task) -> None:
        fit = quiet(self.build(), task(64), task(32, seed=1), epochs=4, lr=0.05, loss=self.population_code)
        assert fit.best.valid.metrics == {}
        assert fit.best_score == min(e.valid.loss for e in fit.history)
        assert "validation loss" in repr(fit)

    def test_smaller_can_be_better(self, net: Make, task: Task) -> None:
        error = rv.training.Metric(lambda out, y: (out.mean(0).argmax(1) != y).float().mean(), "error", larger=False)
        fit = quiet(net(), task(64), task(32, seed=1), epochs=4, lr=0.05, metric=[error, "accuracy"])
        assert fit.best_score == min(e.valid.metrics["error"] for e in fit.history)

    def test_the_loss_may_choose_for_a_classifier(self, net: Make, task: Task) -> None:
        fit = quiet(net(), task(64), task(32, seed=1), epochs=4, lr=0.05, metric=["loss", "accuracy"])
        assert fit.best.valid.loss == min(e.valid.loss for e in fit.history)
        assert fit.best.valid.accuracy is not None

    def test_callbacks_see_the_metrics(self, net: Make, task: Task) -> None:
        seen: list[float | None] = []
        quiet(net(), task(20), task(20, seed=1), epochs=2, callbacks=[lambda e, _: seen.append(e.valid.accuracy)])
        assert len(seen) == 2
        assert all(value is not None for value in seen)

    def test_they_survive_a_checkpoint(self, net: Make, task: Task, tmp_path: Path) -> None:
        how: dict[str, Any] = {"loss": lambda out, y: out.square().mean(), "metric": "accuracy", "checkpoint": tmp_path}
        first = quiet(net(), task(20), epochs=2, **how)
        assert quiet(net(seed=3), task(20), epochs=2, **how) == first
        with pytest.raises(TrainingError, match="made with metric"):
            quiet(net(), task(20), epochs=2, **{**how, "metric": "loss"})


class TestTorchLosses:
    """Where a torch loss looks is said, and equals the formula."""

    OUT = torch.rand(5, 4, 3, generator=torch.Generator().manual_seed(0))
    EACH = torch.rand(4, 5, 3, generator=torch.Generator().manual_seed(1))

    @pytest.mark.parametrize(
        ("at", "target", "expected"),
        [
            ("mean", EACH[:, 0], (OUT.mean(0) - EACH[:, 0]).square().mean()),
            ("last", EACH[:, 0], (OUT[-1] - EACH[:, 0]).square().mean()),
            ("every", EACH, (OUT - EACH.transpose(0, 1)).square().mean()),
            ("every", EACH[:, 0], (OUT - EACH[:, 0]).square().mean()),
        ],
    )
    def test_values(self, at: Any, target: torch.Tensor, expected: torch.Tensor) -> None:
        loss = rv.losses.OverTime(nn.MSELoss(), at=at)
        torch.testing.assert_close(loss(self.OUT, target), expected)
        with pytest.raises(ShapeError, match="targets"):
            loss(self.OUT, target[:, :2] if at != "every" else target[..., :2])

    def test_steps_after_the_end_do_not_count(self) -> None:
        lengths = torch.tensor([5, 2, 3, 1])
        wrong = (self.OUT - self.EACH.transpose(0, 1)).square().sum(2)
        inside = torch.arange(5).unsqueeze(1) < lengths
        expected = ((wrong * inside).sum(0) / (3 * lengths)).mean()  # over own steps first: samples weigh alike
        torch.testing.assert_close(rv.losses.OverTime(nn.MSELoss(), at="every")(self.OUT, self.EACH, lengths), expected)

    def test_classes_in_every_step(self) -> None:
        y = torch.tensor([[0, 1, 2, 0, 1]] * 4)
        loss = rv.losses.OverTime(nn.CrossEntropyLoss(), at="every")
        expected = nn.functional.cross_entropy(self.OUT.flatten(0, 1), y.t().flatten())
        torch.testing.assert_close(loss(self.OUT, y), expected)

    def test_targets_of_every_step_leave_one_reading(self, net: Make, task: Task) -> None:
        """Targets as the data holds them, [S, T, C]: nobody turns axes."""
        x, _ = task(32)
        made = net()
        fit = quiet(made, (x, torch.rand(32, x.shape[1], 3)), epochs=3, lr=1e-2, loss=nn.MSELoss())
        assert fit.history[-1].train.loss < fit.history[0].train.loss
        assert fit.best.train.accuracy is None
        per_step = quiet(
            net(), (x, torch.zeros(32, x.shape[1], dtype=torch.long)), epochs=6, lr=5e-2, loss=nn.CrossEntropyLoss()
        )
        assert per_step.best.train.accuracy > 0.9


class TestEnding:
    def test_early_stopping(self, net: Make, task: Task) -> None:
        fit = quiet(net(), task(40), task(20, seed=1), epochs=50, lr=1e-9, early_stopping=3, optimizer="sgd")
        assert len(fit.history) == fit.best_epoch + 3
        assert "no better validation score in 3 epochs" in fit.stopped

    def test_a_callback_ends_it(self, net: Make, task: Task) -> None:
        seen = []
        fit = quiet(
            net(), task(20), epochs=9, callbacks=[lambda epoch, _: seen.append(epoch.epoch), lambda e, _: e.epoch == 2]
        )
        assert seen == [1, 2]
        assert fit.stopped == "stopped by a callback after epoch 2"

    def test_the_best_parameters_come_back(self, net: Make, task: Task) -> None:
        made, valid = net(), task(60, seed=1)
        kept: list[torch.Tensor] = []
        fit = quiet(
            made, task(60), valid, epochs=6, lr=0.5, callbacks=[lambda e, n: kept.append(next(n.parameters()).detach().clone()) or None]
        )  # fmt: skip
        assert torch.equal(next(made.parameters()), kept[fit.best_epoch - 1])
        fit = quiet(made, task(60), valid, epochs=4, lr=0.5, restore_best=False)
        assert made.training

    def test_schedules(self, net: Make, task: Task) -> None:
        rates = [
            e.learning_rate for e in quiet(net(), task(8), epochs=4, lr=1.0, optimizer="sgd", schedule="cosine").history
        ]
        assert rates == pytest.approx([1.0, 0.853553, 0.5, 0.146447], abs=1e-5)
        fit = quiet(net(), task(8), epochs=3, lr=0.1, schedule=lambda epoch: 0.5**epoch)
        assert [e.learning_rate for e in fit.history] == pytest.approx([0.1, 0.05, 0.025])

    def test_clipping(self, net: Make, task: Task) -> None:
        made = net()
        before = torch.cat([p.detach().reshape(-1).clone() for p in made.parameters()])
        fit = quiet(made, task(8), epochs=1, lr=1.0, optimizer="sgd", clip=1e-3)
        after = torch.cat([p.detach().reshape(-1) for p in made.parameters()])
        assert fit.history[0].gradient_norm > 1e-3
        assert float((after - before).norm()) == pytest.approx(1e-3, rel=1e-2)

    def test_the_table_marks_the_best(self, net: Make, task: Task) -> None:
        fit = quiet(net(), task(20), task(20, seed=1), epochs=3)
        lines = fit.table().splitlines()
        assert len(lines) == 4
        assert sum("*" in line for line in lines) == 1
        assert "validation accuracy" in repr(fit)
        assert fit.plan["choices"][0]["provider"] == "cpu"

    def test_progress_is_shown(self, net: Make, task: Task, capsys: pytest.CaptureFixture[str]) -> None:
        rv.train(net(), task(8), epochs=1)
        shown = capsys.readouterr()
        assert shown.out == ""
        assert "a batch keeps about" in shown.err


OVER_TIME = rv.losses.OverTime(nn.CrossEntropyLoss())

BAD: dict[str, tuple[dict[str, object], str]] = {
    "epochs": ({"epochs": 0}, "epochs=0 must be a positive"),
    "batch_size": ({"batch_size": -1}, "batch_size=-1 must be"),
    "lr": ({"lr": float("nan")}, "lr=nan must be"),
    "clip": ({"clip": 0.0}, r"clip=0\.0 must be"),
    "optimizer": ({"optimizer": "adamm"}, "use adam, adamw, sgd"),
    "optimizer object": ({"optimizer": 3}, "is not an optimiser"),
    "schedule": ({"schedule": "linear"}, "use None, 'cosine'"),
    "schedule value": ({"schedule": lambda _: -1.0}, r"gave -1\.0"),
    "rule": ({"rule": "bptt"}, "use one of rv.rules"),
    "loss": ({"loss": "mse"}, "cannot be called"),
    "torch loss": (
        {"loss": nn.MSELoss()},
        r"OverTime\(MSELoss\(\), at='mean'\).*at='every' for every step, or at='last'",
    ),
    "torch loss on classes": ({"loss": nn.CrossEntropyLoss()}, "does not say which output it judges"),
    "a class of losses": ({"loss": rv.losses.MaxOverTime}, r"loss=MaxOverTime is a class: write MaxOverTime\("),
    "a class of metrics": ({"metric": rv.training.metrics.RMSE}, "metric=RMSE is a class"),
    "metric": ({"metric": "f1"}, "metric='f1' is unknown"),
    "metric twice": ({"metric": ["accuracy", "accuracy"]}, "names 'accuracy' twice"),
    "metric that is not a number": ({"metric": lambda out, y: out}, "it must give one number per batch"),
    "patience": ({"early_stopping": 0}, "early_stopping=0"),
    "no validation": ({"early_stopping": 2}, "pass valid_set"),
}


class TestErrors:
    @pytest.mark.parametrize("case", BAD)
    def test_arguments(self, net: Make, task: Task, case: str) -> None:
        arguments, message = BAD[case]
        with pytest.raises(TrainingError, match=message):
            quiet(net(), task(4), **{"epochs": 1, **arguments})  # type: ignore[arg-type]

    def test_no_samples(self, net: Make) -> None:
        with pytest.raises(TrainingError, match="train_set is empty"):
            quiet(net(), (torch.zeros(0, 5, 12), torch.zeros(0)), epochs=1)

    def test_not_data(self, net: Make) -> None:
        with pytest.raises(TrainingError, match="train_set is a int"):
            quiet(net(), 3, epochs=1)

    def test_x_and_y_of_two_lengths(self, net: Make) -> None:
        with pytest.raises(ShapeError, match="x has 4 samples and y 5"):
            quiet(net(), (torch.zeros(4, 5, 12), torch.zeros(5)), epochs=1)

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (torch.tensor([0, 1, 2, 3]), "target 3 is not a class of an output with 3 cells: give classes from 0 to 2"),
            (torch.tensor([0, -1, 2, 0]), "target -1 is not a class"),
            (torch.zeros(4), r"targets are torch.float32 .*convert them with .long"),
            (torch.zeros(4, 3, dtype=torch.long), r"of shape \(4, 3\)"),
        ],
    )
    @pytest.mark.parametrize("loss", [rv.losses.MaxOverTime(), rv.losses.SpikeRate(), OVER_TIME])
    def test_targets(self, net: Make, task: Task, y: torch.Tensor, message: str, loss: rv.losses.Loss) -> None:
        if loss is OVER_TIME and y.ndim == 2:
            pytest.skip("a torch loss may take such targets")
        with pytest.raises(TrainingError, match=message):
            quiet(net(), (task(4)[0], y), epochs=1, loss=loss)

    def test_nothing_to_learn(self, task: Task) -> None:
        net = rv.Sequential(rv.LeakyReadout(12), dt=1 * ms)
        with pytest.raises(TrainingError, match="nothing to learn"):
            quiet(net, task(4), epochs=1)

    def test_a_network_whose_call_does_more_than_its_parts(self, task: Task) -> None:
        class Own(rv.Sequential):
            def forward(self, x: Any, state: rv.State | None = None, **how: Any) -> Any:
                return super().forward(2 * x, state, **how)

        own, hooked = Own(rv.Linear(12, 3), rv.LIF(3), dt=1 * ms), rv.Sequential(rv.Linear(12, 3), rv.LIF(3), dt=1 * ms)
        hooked.register_forward_hook(lambda module, given, out: None)
        for network, words in ((own, "a forward of its own"), (hooked, "hooks")):
            with pytest.raises(
                TrainingError, match=f"never calls it, but this one has {words}: .*write the loop with net"
            ):
                quiet(network, task(4), epochs=1)

    def test_not_a_network_and_no_output(self, task: Task) -> None:
        with pytest.raises(TrainingError, match="got Linear"):
            quiet(nn.Linear(2, 2), task(4), epochs=1)  # type: ignore[arg-type]
        net = rv.Network(dt=1 * ms)
        with pytest.raises(GraphError, match="no external input"):
            quiet(net, task(4), epochs=1)
        net.input("x", 12)
        with pytest.raises(GraphError, match="no output"):
            quiet(net, task(4), epochs=1)

    def test_a_loss_that_is_no_number(self, net: Make, task: Task) -> None:
        with pytest.raises(TrainingError, match=r"one number per batch, got a tensor of shape \(4, 3\)"):
            quiet(net(), task(4), epochs=1, loss=lambda out, y: out.mean(0))

    def test_a_loss_that_is_not_finite_names_the_population(self, net: Make, task: Task) -> None:
        made = net()
        with torch.no_grad():
            made.projections["linear2"].chain[0].weight.fill_(3e38)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(
                TrainingError, match=r"batch 1 of epoch 1: readout1\.v is -?(inf|nan) first at step \d+ \(sample"
            ):
                quiet(made, task(64), epochs=1, loss=rv.losses.MeanMembrane())

    def test_a_parameter_that_is_not_finite_is_named(self, net: Make, task: Task) -> None:
        made = net()
        with torch.no_grad():
            made.projections["linear2"].chain[0].bias[0] = float("nan")
        with pytest.raises(TrainingError, match=r"the parameter linear2\.bias was already"):
            quiet(made, task(8), epochs=1)

    def test_a_loss_that_makes_nan_itself_is_named(self, net: Make, task: Task) -> None:
        with pytest.raises(TrainingError, match="the loss itself made it"):
            quiet(net(), task(8), epochs=1, loss=lambda out, y: (out.sum() * 0).log() * 0)

    def test_a_gradient_that_is_not_finite_is_named(self, net: Make, task: Task) -> None:
        with pytest.raises(
            TrainingError,
            match=r"the gradient of .* is not finite in batch 1 of epoch 1.*derivative of the loss by the output is nan",
        ):
            quiet(net(), task(8), epochs=1, loss=lambda out, y: (out * 0).abs().sqrt().mean())

    def test_the_learning_rate_is_no_cause_before_the_first_update(self, task: Task) -> None:
        def broken(text: str) -> rv.Sequential:
            cell = rv.Cell(f"v' = v/2 + {text} : 1\nx : 1 (input)", emit="v", size=2, b=0.0)
            return rv.Sequential(rv.Linear(12, 2), cell, dt=1 * ms)

        x, y = task(8)
        y = y % 2
        for text in ("x/(b*v)", "b + exp(1e6*x*x)"):
            with (
                pytest.warns(RanvierWarning),
                pytest.raises(TrainingError, match="the learning rate is not the cause") as found,
            ):
                quiet(broken(text), (x, y), epochs=1)
            assert "lower lr" not in str(found.value)
        target = torch.full((len(y), 2), float("nan"))
        with pytest.raises(TrainingError, match=r"the target of the batch holds nan at \[0, 0\]: clean the data"):
            quiet(
                broken("x + b"), (x, target), epochs=1, loss=lambda out, y: (out.mean(0) - y).pow(2).mean(), metric=None
            )


@pytest.mark.parametrize("size", [5, 300])
def test_a_tensor_dataset_gives_the_batches_of_its_tensors(size: int) -> None:
    from torch.utils.data import Dataset, TensorDataset

    from ranvier.training.batches import open_batches

    x, y = torch.rand(10, 20, size), torch.arange(10)

    class Single(Dataset):
        def __len__(self) -> int:
            return 10

        def __getitem__(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
            return x[k], y[k]

    rows = [list(open_batches(source, 4, 3, "data").epoch(2)) for source in (TensorDataset(x, y), (x, y), Single())]
    for others in zip(*rows, strict=True):
        for a, target, lengths in others:
            assert lengths is None
            assert a.is_contiguous()
            assert torch.equal(a, others[0][0])
            assert torch.equal(target, others[0][1])
