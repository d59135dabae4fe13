"""From gradients to updates: accumulation, averages, several optimisers, schedules of torch; each resumes to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.training import Average, TorchSchedule
from tests.training.conftest import make_net
from tests.training.job import make_task

Tensor = torch.Tensor
quiet = partial(rv.train, progress=False)


def double(seed: int = 0) -> rv.Sequential:
    return make_net(seed, dtype=torch.float64)


def data(samples: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    x, y = make_task(samples, seed)
    return x.double(), y


def same(a: rv.Network, b: rv.Network, **close: float) -> None:
    for (name, p), q in zip(a.named_parameters(), b.parameters(), strict=True):
        if close:
            torch.testing.assert_close(p, q, msg=lambda text, n=name: f"{n}: {text}", **close)
        else:
            assert torch.equal(p, q), name


class TestAccumulation:
    @pytest.mark.parametrize(
        ("rule", "samples"), [(rv.rules.BPTT(), 50), (rv.rules.OTTT(), 48), (rv.rules.EProp(), 50)]
    )
    def test_it_equals_one_large_batch(self, rule: rv.rules.Rule, samples: int) -> None:
        """Also where the last batch is smaller: gradients are weighed by their samples."""
        nets = [double(), double()]
        how: dict[str, Any] = {"epochs": 2, "lr": 1e-2, "clip": 0.5, "rule": rule, "loss": rv.losses.EveryStep()}
        fits = [
            quiet(nets[0], data(samples), batch_size=16, **how),
            quiet(nets[1], data(samples), batch_size=4, accumulate=4, **how),
        ]
        same(*nets, rtol=1e-9, atol=1e-11)
        for a, b in zip(*(f.history for f in fits), strict=True):
            assert a.train.loss == pytest.approx(b.train.loss, rel=1e-9)
            assert a.gradient_norm == pytest.approx(b.gradient_norm, rel=1e-9)

    def test_one_batch_for_an_update_is_the_usual_loop(self) -> None:
        nets = [make_net(), make_net()]
        quiet(nets[0], make_task(40), epochs=2, batch_size=16)
        quiet(nets[1], make_task(40), epochs=2, batch_size=16, accumulate=1)
        same(*nets)
        with pytest.raises(TrainingError, match="accumulate=0 must be a positive number"):
            quiet(nets[0], make_task(4), epochs=1, accumulate=0)


class TestAverages:
    def test_they_equal_those_of_torch(self) -> None:
        """An own loop with torch's averaged model, the same order of samples and the same validation."""
        x, y = data(40)
        trained, written = double(), double()
        fit = quiet(trained, (x, y), data(20, 1), epochs=3, lr=1e-2, batch_size=10, average=0.9, restore_best=False)
        optimizer = torch.optim.Adam(written.parameters(), lr=1e-2)
        scales = fit.plan["scales"]
        averaged = AveragedModel(written, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        from ranvier.training.batches import open_batches

        batches = open_batches((x, y), 10, 0, "train_set")
        for epoch in range(1, 4):
            for batch, target, _ in batches.epoch(epoch):
                optimizer.zero_grad()
                rv.losses.MaxOverTime()(written(batch)[0], target).backward()
                with torch.no_grad():
                    for n, s in scales.items():
                        written.get_parameter(n).grad.mul_(s)
                        written.get_parameter(n).mul_(1 / s)
                    optimizer.step()
                    for n, s in scales.items():
                        written.get_parameter(n).mul_(s)
                averaged.update_parameters(written)
        same(trained, averaged.module, rtol=1e-12, atol=1e-14)
        valid = data(20, 1)
        out, _ = averaged.module(valid[0].transpose(0, 1))
        assert fit.history[-1].valid.loss == pytest.approx(
            float(rv.losses.MaxOverTime()(out.detach(), valid[1])), rel=1e-12
        )

    def test_equal_weights_from_an_epoch_on(self) -> None:
        kept: list[Tensor] = []
        net = double()
        callback = [lambda e, n: kept.append(next(n.parameters()).detach().clone())]
        quiet(net, data(16), epochs=4, batch_size=16, average=Average(decay=None, start=1), callbacks=callback)
        torch.testing.assert_close(next(net.parameters()).detach(), torch.stack(kept[1:]).mean(0))

    def test_the_best_epoch_keeps_them(self) -> None:
        net, valid = double(), data(30, 1)
        fit = quiet(net, data(40), valid, epochs=6, lr=0.1, batch_size=10, average=0.5)
        out, _ = net(valid[0].transpose(0, 1))
        assert fit.best.valid.loss == pytest.approx(float(rv.losses.MaxOverTime()(out.detach(), valid[1])), rel=1e-12)

    @pytest.mark.parametrize(
        ("average", "message"), [(1.0, r"decay=1\.0"), ("ema", "decay='ema'"), (Average, "decay=")]
    )
    def test_wrong_ones_are_named(self, average: Any, message: str) -> None:
        with pytest.raises(TrainingError, match=message):
            quiet(make_net(), make_task(4), epochs=1, average=average)
        with pytest.raises(TrainingError, match="start=-1"):
            Average(start=-1)


def split(net: rv.Network) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    parameters = [*net.parameters()]
    return parameters[:2], parameters[2:]


class TestSeveralOptimizers:
    def test_two_equal_one_with_groups(self) -> None:
        nets = [double(), double()]
        a, b = split(nets[0])
        both = [torch.optim.Adam(a, lr=1e-2), torch.optim.Adam(b, lr=1e-3)]
        fits = [quiet(nets[0], data(40), epochs=3, batch_size=10, optimizer=both)]
        a, b = split(nets[1])
        one = torch.optim.Adam([{"params": a, "lr": 1e-2}, {"params": b, "lr": 1e-3}])
        fits.append(quiet(nets[1], data(40), epochs=3, batch_size=10, optimizer=one))
        same(*nets)
        assert fits[0].history[0].group_rates == fits[1].history[0].group_rates == (1e-2, 1e-3)
        assert fits[0].history[0].numbers()["lr/1"] == 1e-3

    def test_what_none_holds_stays_and_counts_in_no_norm(self) -> None:
        """Gradients of parameters that no optimiser holds do not add up from batch to batch, nor limit the others."""
        nets = [double(), double()]
        for net, extra in zip(nets, (0.0, 1.0), strict=True):
            held = split(net)[1]
            if not extra:
                for q in split(net)[0]:
                    q.requires_grad_(False)
            quiet(net, data(40), epochs=2, batch_size=10, clip=1e-2, optimizer=torch.optim.SGD(held, lr=1.0))
        same(*nets, rtol=1e-9, atol=1e-12)

    def test_sharing_is_refused(self) -> None:
        net = make_net()
        both = [torch.optim.Adam(net.parameters()), torch.optim.SGD(net.parameters(), lr=0.1)]
        with pytest.raises(TrainingError, match=r"the optimizer\[1\] holds a parameter that an optimiser before it"):
            quiet(net, make_task(4), epochs=1, optimizer=both)
        other = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        with pytest.raises(TrainingError, match=r"the optimizer\[1\] holds none of the network's"):
            quiet(net, make_task(4), epochs=1, optimizer=[both[0], other])

    def test_one_that_evaluates_the_loss_itself_is_refused(self) -> None:
        net = make_net()
        for given in (torch.optim.LBFGS, torch.optim.LBFGS(net.parameters())):
            with pytest.raises(TrainingError, match="optimizer=LBFGS evaluates the loss itself"):
                quiet(net, make_task(4), epochs=1, optimizer=given)


class TestSchedules:
    def test_each_update_or_epoch(self) -> None:
        """Rates as an own loop with the schedule would have them."""
        steps = TorchSchedule(partial(lr_scheduler.ExponentialLR, gamma=0.5), every="update")
        fit = quiet(make_net(), make_task(30), epochs=2, batch_size=10, lr=0.1, optimizer="sgd", schedule=steps)
        assert [e.learning_rate for e in fit.history] == pytest.approx([0.1 * 0.5**3, 0.1 * 0.5**6])
        optimizer = torch.optim.SGD(make_net().parameters(), lr=0.1)
        own, seen = lr_scheduler.ExponentialLR(optimizer, gamma=0.5), list[float]()
        for _ in range(6):
            optimizer.step()
            own.step()
            seen.append(optimizer.param_groups[0]["lr"])
        assert [e.learning_rate for e in fit.history] == seen[2::3]
        epochs = TorchSchedule(partial(lr_scheduler.StepLR, step_size=2, gamma=0.1))
        net = make_net()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        fit = quiet(net, make_task(30), epochs=5, optimizer=optimizer, schedule=epochs)
        assert [e.learning_rate for e in fit.history] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
        assert optimizer.param_groups[0]["lr"] == 0.1
        assert "initial_lr" not in optimizer.param_groups[0]

    def test_a_plateau_sees_the_score(self) -> None:
        """A rate that falls wherever the validation loss did not improve."""
        plateau = TorchSchedule(partial(lr_scheduler.ReduceLROnPlateau, patience=0, factor=0.5))
        fit = quiet(make_net(), make_task(20), make_task(20, 1), epochs=6, lr=0.3, optimizer="sgd", schedule=plateau)
        rate, best = 0.3, float("inf")
        for e in fit.history:
            assert e.learning_rate == pytest.approx(rate)
            if e.valid.loss < best * (1 - 1e-4):
                best = e.valid.loss
            else:
                rate *= 0.5
        wrong = TorchSchedule(partial(lr_scheduler.ReduceLROnPlateau), score="rmse")
        with pytest.raises(TrainingError, match="score='rmse' is not scored: use 'loss', 'accuracy'"):
            quiet(make_net(), make_task(8), epochs=1, schedule=wrong)

    @pytest.mark.parametrize(
        ("schedule", "message"),
        [
            (lambda optimizer: lr_scheduler.StepLR(optimizer, 2), r"gave no factor .*write rv\.training\.TorchSchedule"),
            (lr_scheduler.StepLR, "is unknown: use None, 'cosine'"),
            (TorchSchedule(lambda optimizer: optimizer), "make gave Adam, which is no schedule"),
            (TorchSchedule(lr_scheduler.ReduceLROnPlateau, every="update"), "ReduceLROnPlateau asks for a score"),
            (TorchSchedule(partial(lr_scheduler.OneCycleLR, max_lr=1.0, total_steps=1), "update"), "OneCycleLR cannot move on"),
        ],
    )  # fmt: skip
    def test_wrong_ones_are_named(self, schedule: Any, message: str) -> None:
        with pytest.raises(TrainingError, match=message):
            quiet(make_net(), make_task(8), epochs=3, batch_size=4, schedule=schedule)
        made = lr_scheduler.StepLR(torch.optim.Adam(make_net().parameters()), 2)
        with pytest.raises(TrainingError, match=r"bound to an optimiser already: write rv\.training\.TorchSchedule"):
            quiet(make_net(), make_task(8), epochs=3, schedule=made)  # type: ignore[arg-type]


def two(net: rv.Network) -> list[torch.optim.Optimizer]:
    a, b = split(net)
    return [torch.optim.Adam(a, lr=1e-2), torch.optim.SGD(b, lr=1e-2, momentum=0.9)]


def groups(net: rv.Network) -> torch.optim.Optimizer:
    a, b = split(net)
    return torch.optim.AdamW([{"params": a, "lr": 1e-2}, {"params": b, "lr": 1e-3, "weight_decay": 0.1}])


#: settings of a training; what is called with the network makes its optimisers
RESUMED: dict[str, Callable[[rv.Network], dict[str, Any]]] = {
    "accumulate": lambda net: {"accumulate": 3, "batch_size": 4},
    "average": lambda net: {"average": 0.8},
    "equal weights": lambda net: {"average": Average(decay=None, start=2)},
    "two optimisers": lambda net: {"optimizer": two(net)},
    "groups": lambda net: {"optimizer": groups(net)},
    "one cycle": lambda net: {"schedule": TorchSchedule(partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=99), "update")},
    "restarts": lambda net: {"schedule": TorchSchedule(partial(lr_scheduler.CosineAnnealingWarmRestarts, T_0=2))},
    "plateau": lambda net: {"schedule": TorchSchedule(partial(lr_scheduler.ReduceLROnPlateau, patience=0)), "lr": 0.3},
    "all": lambda net: {
        "accumulate": 2, "batch_size": 5, "average": 0.9, "optimizer": two(net), "clip": 1.0, "early_stopping": 9,
        "schedule": TorchSchedule(partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=99), "update"), "restore_best": "loss",
    },
}  # fmt: skip


QUICK = ("equal weights", "plateau", "restarts", "all")
CASES = [pytest.param(case, marks=() if case in QUICK else pytest.mark.slow) for case in RESUMED]


@pytest.mark.parametrize("case", CASES)
def test_resumed_after_every_epoch_equals_uninterrupted(case: str, tmp_path: Path) -> None:
    """To the last bit: parameters, scores and rates; each epoch is run by a call of its own, on a network with other weights."""

    def learnt(net: rv.Network, epochs: int, folder: Path | None) -> rv.training.Fit:
        how = {"batch_size": 12, "checkpoint": folder, **RESUMED[case](net)}
        return quiet(net, make_task(30), make_task(20, seed=1), epochs=epochs, **how)

    whole = make_net()
    expected = learnt(whole, 4, None)
    for epochs in range(1, 5):
        part = make_net(seed=epochs - 1)
        fit = learnt(part, epochs, tmp_path)
    same(whole, part)
    seen = [[(e.train, e.valid, e.group_rates, e.gradient_norm) for e in f.history] for f in (fit, expected)]
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"accumulate": 2}, "accumulate=1, now it is 2"),
        ({"average": 0.9}, "average"),
        ({"schedule": TorchSchedule(partial(lr_scheduler.StepLR, step_size=3))}, "schedule"),
        ({"restore_best": "loss"}, "restore_best|metric"),
    ],
)
def test_other_settings_are_refused(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    quiet(make_net(), make_task(8), epochs=1, checkpoint=tmp_path)
    with pytest.raises(TrainingError, match=f"was made with .*({message})"):
        quiet(make_net(), make_task(8), epochs=1, checkpoint=tmp_path, **changed)
