"""Losses say what their targets are: values, classes of every step, population codes, several tasks, the input itself."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

import ranvier as rv
from ranvier.errors import ShapeError, TrainingError
from ranvier.units import ms

Tensor = torch.Tensor
quiet = partial(rv.train, progress=False)
_RANDOM = torch.Generator().manual_seed(0)
OUT = torch.rand(5, 4, 3, generator=_RANDOM, dtype=torch.float64)
EACH = torch.rand(4, 5, 3, generator=_RANDOM, dtype=torch.float64)
LENGTHS = torch.tensor([5, 2, 3, 1])


def build(
    outputs: int = 3, *, dtype: torch.dtype = torch.float32, provider: str | None = None, fires: bool = False
) -> Any:
    torch.manual_seed(0)
    first = rv.Linear(6, 12)
    with torch.no_grad():
        first.weight.mul_(3)
    last = rv.LIF(outputs, tau=10 * ms) if fires else rv.LeakyReadout(outputs, tau=10 * ms)
    parts = (first, rv.LIF(12, tau=8 * ms), rv.Linear(12, outputs), last)
    return rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider)


def spikes(samples: int = 8, steps: int = 14, seed: int = 1) -> Tensor:
    return (torch.rand(samples, steps, 6, generator=torch.Generator().manual_seed(seed)) < 0.4).float()


@pytest.mark.parametrize(
    "loss",
    [
        *(rv.losses.Regression("every", error) for error in ("squared", "absolute", "huber")),
        rv.losses.PopulationVector([0.0, 0.5, 1.0], at="every"),
        *(rv.losses.OverTime(made, at="every") for made in (torch.nn.MSELoss(), torch.nn.L1Loss())),
    ],
    ids=str,
)
def test_samples_of_any_length_weigh_alike(loss: rv.losses.Loss) -> None:
    target = EACH[..., 0] if isinstance(loss, rv.losses.PopulationVector) else EACH
    out = OUT.abs()
    alone = [loss(out[: LENGTHS[b], b : b + 1], target[b : b + 1, : LENGTHS[b]]) for b in range(4)]
    torch.testing.assert_close(loss(out, target, LENGTHS), torch.stack(alone).mean())


class TestRegression:
    @pytest.mark.parametrize("error", ["squared", "absolute", "huber"])
    @pytest.mark.parametrize("lengths", [None, LENGTHS])
    def test_values(self, error: Any, lengths: Tensor | None) -> None:
        """Each place by its formula, for samples of one length and of several."""
        formula = {"squared": functional.mse_loss, "absolute": functional.l1_loss, "huber": functional.smooth_l1_loss}[
            error
        ]
        own = torch.full((4,), 5) if lengths is None else lengths
        mean = torch.stack([OUT[: own[b], b].mean(0) for b in range(4)])
        last = torch.stack([OUT[own[b] - 1, b] for b in range(4)])
        loss = partial(rv.losses.Regression, error=error)
        torch.testing.assert_close(loss("mean")(OUT, EACH[:, 0], lengths), formula(mean, EACH[:, 0]))
        torch.testing.assert_close(loss("last")(OUT, EACH[:, 0], lengths), formula(last, EACH[:, 0]))
        for target, each in ((EACH, EACH), (EACH[:, 0], EACH[:, :1].expand(4, 5, 3))):
            alike = torch.stack([formula(OUT[: own[b], b], each[b, : own[b]]) for b in range(4)]).mean()
            torch.testing.assert_close(loss("every")(OUT, target, lengths), alike)

    def test_one_cell_needs_no_last_axis(self) -> None:
        """[B] and [B, T] are not spread against [B, 1] into a table of all pairs."""
        one, y = OUT[..., :1], EACH[..., 0]
        expected = (one.mean(0)[:, 0] - y[:, 0]).square().mean()
        for target in (y[:, 0], y[:, :1]):
            torch.testing.assert_close(rv.losses.Regression()(one, target), expected)
        expected = (one[..., 0] - y.t()).square().mean()
        for target in (y, y.unsqueeze(2)):
            torch.testing.assert_close(rv.losses.Regression("every")(one, target), expected)
        assert torch.equal(rv.losses.OverTime(torch.nn.MSELoss())(one, y[:, 0]), rv.losses.Regression()(one, y[:, 0]))
        x = spikes()
        fits = [
            quiet(build(1), (x, x.mean(2)), epochs=1, loss=loss)
            for loss in (torch.nn.MSELoss(), rv.losses.Regression("every"))
        ]
        assert fits[0].best.train.loss == fits[1].best.train.loss

    def test_whole_numbers_are_values_too(self) -> None:
        y = torch.tensor([[1, 2, 3]] * 4)
        torch.testing.assert_close(rv.losses.Regression()(OUT, y), (OUT.mean(0) - y).square().mean())

    @pytest.mark.parametrize("at", ["mean", "every", "last"])
    def test_gradients(self, at: Any) -> None:
        out, target = OUT.clone().requires_grad_(), EACH if at == "every" else EACH[:, 0]
        assert torch.autograd.gradcheck(lambda o: rv.losses.Regression(at)(o, target, LENGTHS), (out,))

    @pytest.mark.parametrize(
        ("at", "target", "message"),
        [
            ("mean", EACH, r"targets \(4, 5, 3\): .*at='every' for targets \[B, T, …\] of 5 steps"),
            ("mean", EACH[:, 0, :2], r"compares an output \(4, 3\) with targets \(4, 2\)"),
            ("every", EACH.transpose(0, 1), r"give \[B, T, 3\] = \(4, 5, 3\), or \(4, 3\)"),
            ("last", EACH[:, 0, 0], r"with targets \(4,\)"),
        ],
    )
    def test_other_shapes_are_refused(self, at: Any, target: Tensor, message: str) -> None:
        with pytest.raises(ShapeError, match=message):
            rv.losses.Regression(at)(OUT, target)

    def test_other_kinds_are_refused(self) -> None:
        with pytest.raises(TrainingError, match=r"got targets of torch\.bool: convert them with \.float"):
            rv.losses.Regression()(OUT, torch.ones(4, 3, dtype=torch.bool))
        with pytest.raises(TrainingError, match="at='max' is unknown"):
            rv.losses.Regression("max")  # type: ignore[arg-type]
        with pytest.raises(TrainingError, match="error='l3' is unknown"):
            rv.losses.Regression(error="l3")  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("shape", "at"), [((8,), "last"), ((8, 1), "mean"), ((8, 14), "every"), ((8, 14, 1), "every")]
    )
    def test_a_network_learns_targets_as_data_hold_them(self, shape: tuple[int, ...], at: Any) -> None:
        x = spikes()
        y = x.mean(2).mean(1) if len(shape) < 2 or shape[1] == 1 else x.mean(2)
        fit = quiet(build(1), (x, y.reshape(shape)), epochs=25, lr=2e-2, loss=rv.losses.Regression(at))
        assert fit.history[-1].train.loss < 0.5 * fit.history[0].train.loss
        assert fit.best.train.metrics["rmse"] == pytest.approx(fit.best.train.loss**0.5, rel=1e-5)
        assert fit.best.chosen == "rmse"


class TestPopulationCodes:
    def test_groups(self) -> None:
        out, y = torch.rand(5, 4, 6, dtype=torch.float64), torch.tensor([0, 1, 2, 1])
        loss = rv.losses.Pooled(rv.losses.SpikeCount(), groups=3)
        pooled = torch.stack([out[..., :2].mean(2), out[..., 2:4].mean(2), out[..., 4:].mean(2)], 2)
        assert torch.equal(loss(out, y), rv.losses.SpikeCount()(pooled, y))
        assert torch.equal(loss.predict(out), pooled.sum(0).argmax(1))
        with pytest.raises(ShapeError, match="6 cells does not divide into 4 equal groups"):
            rv.losses.Pooled(rv.losses.SpikeCount(), groups=4)(out, y)
        with pytest.raises(TrainingError, match="target 5 is not a class of an output with 3 cells"):
            loss(out, torch.tensor([0, 1, 5, 1]))

    def test_the_centre_of_mass(self) -> None:
        """Also of directions, and the mean of all preferred values where nothing fires."""
        angles = torch.arange(8, dtype=torch.float64) * torch.pi / 4
        directions = torch.stack([angles.cos(), angles.sin()], 1)
        loss = rv.losses.PopulationVector(directions, floor=0.5)
        rates = torch.rand(5, 4, 8, dtype=torch.float64)
        mean = rates.mean(0)
        expected = (mean @ directions) / (mean.sum(1, keepdim=True) + 0.5)
        torch.testing.assert_close(loss.predict(rates), expected)
        y = torch.rand(4, 2, dtype=torch.float64)
        torch.testing.assert_close(loss(rates, y), (expected - y).square().mean())
        silent = rv.losses.PopulationVector([1.0, 3.0]).predict(torch.zeros(5, 1, 2))
        assert silent.tolist() == [[2.0]]
        assert torch.autograd.gradcheck(lambda r: loss(r, y, LENGTHS), (rates.requires_grad_(),))

    def test_what_it_cannot_read_is_refused(self) -> None:
        with pytest.raises(ShapeError, match="2 preferred values for an output of 3 cells"):
            rv.losses.PopulationVector([1.0, 3.0])(OUT, EACH[:, 0, 0])
        with pytest.raises(TrainingError, match=r"reads rates, but the smallest output is -"):
            rv.losses.PopulationVector([1.0, 2.0, 3.0])(-OUT, EACH[:, 0, 0])
        with pytest.raises(TrainingError, match="give a finite value for each cell"):
            rv.losses.PopulationVector([1.0, float("nan")])


class TestTasks:
    TASKS = rv.losses.Tasks(
        {"class": rv.losses.MaxOverTime(), "place": rv.losses.Regression("last")},
        weights={"place": 0.25}, outputs={"class": "a", "place": "b"},
    )  # fmt: skip

    def heads(self) -> rv.Network:
        torch.manual_seed(0)
        net = rv.Network(dt=1 * ms)
        net.input("x", 6)
        net.population("cells", 12, rv.LIF())
        net.connect("x", "cells", rv.Linear(6, 12))
        for name, size in (("a", 3), ("b", 2)):
            net.population(name, size, rv.LeakyReadout(), output=True)
            net.connect("cells", name, rv.Linear(12, size))
        return net

    def data(self) -> tuple[Tensor, dict[str, Tensor]]:
        x = spikes(12)
        return x, {"class": torch.arange(12) % 3, "place": x.mean(1)[:, :2]}

    def test_the_sum(self) -> None:
        out = {"a": OUT, "b": OUT[..., :2]}
        y = {"class": torch.tensor([0, 1, 2, 0]), "place": EACH[:, 0, :2]}
        parts = rv.losses.MaxOverTime()(OUT, y["class"]), rv.losses.Regression("last")(OUT[..., :2], y["place"])
        torch.testing.assert_close(self.TASKS(out, y), parts[0] + 0.25 * parts[1])

    def test_data_of_every_kind_give_the_same_numbers(self) -> None:
        x, y = self.data()

        class Samples(Dataset):
            def __len__(self) -> int:
                return len(x)

            def __getitem__(self, k: int) -> Any:
                return x[k], {n: part[k] for n, part in y.items()}

        how: dict[str, Any] = {"epochs": 2, "loss": self.TASKS, "lr": 1e-2}
        fits = [quiet(self.heads(), source, batch_size=12, **how) for source in ((x, y), Samples())]
        fits.append(quiet(self.heads(), DataLoader(Samples(), 12), **how))
        assert [e.train for e in fits[0].history] == [e.train for e in fits[1].history]
        assert fits[2].history[0].train.loss == pytest.approx(fits[0].history[0].train.loss, rel=1e-5)
        assert list(fits[0].best.train.metrics) == ["class.accuracy", "class.loss", "place.rmse", "place.loss"]
        score = fits[0].best.train
        assert score.loss == pytest.approx(score.of("class.loss") + 0.25 * score.of("place.loss"), rel=1e-6)

    def test_one_output_serves_several_tasks(self) -> None:
        loss = rv.losses.Tasks({"a": rv.losses.Regression("mean"), "b": rv.losses.Regression("last")})
        y = {"a": EACH[:, 0], "b": EACH[:, 1]}
        expected = (OUT.mean(0) - y["a"]).square().mean() + (OUT[-1] - y["b"]).square().mean()
        torch.testing.assert_close(loss(OUT, y), expected)

    def test_mistakes_are_named(self) -> None:
        x, y = self.data()
        for arguments, message in (
            ({"losses": {}}, "must give one of rv.losses for each task"),
            ({"losses": {"a": 3}}, "the loss of 'a' is 3"),
            ({"losses": {"a": rv.losses.TET()}, "weights": {"b": 1.0}}, "weights names 'b', but the tasks are a"),
            ({"losses": {"a": rv.losses.TET()}, "weights": {"a": -1.0}}, r"weights\['a'\]=-1\.0"),
        ):
            with pytest.raises(TrainingError, match=message):
                rv.losses.Tasks(**arguments)  # type: ignore[arg-type]
        with pytest.raises(TrainingError, match=r"the data have no target 'place', but 'class'"):
            quiet(self.heads(), (x, {"class": y["class"]}), epochs=1, loss=self.TASKS)
        wrong = rv.losses.Tasks({"class": rv.losses.MaxOverTime()})
        with pytest.raises(ShapeError, match=r"task 'class' reads output 'class', but the network has 'a', 'b'"):
            quiet(self.heads(), (x, y), epochs=1, loss=wrong)
        with pytest.raises(ShapeError, match="x has 12 samples and place 3"):
            quiet(self.heads(), (x, {**y, "place": y["place"][:3]}), epochs=1, loss=self.TASKS)
        with pytest.raises(TrainingError, match=r"belongs to no task: write one of 'class\.accuracy'"):
            quiet(self.heads(), (x, y), epochs=1, loss=self.TASKS, metric="accuracy")


class TestFromInput:
    def test_a_forecast(self) -> None:
        """Output t against input t + 2; nothing after a sample's end counts."""
        loss = rv.losses.FromInput(rv.losses.Regression("every"), ahead=2)
        x = torch.rand(5, 4, 3, dtype=torch.float64)
        target = loss.target_of(x, None)
        torch.testing.assert_close(loss(OUT, target), (OUT[:-2] - x[2:]).square().mean())
        lengths = torch.tensor([5, 3, 4, 5])
        alone = [(OUT[: lengths[b] - 2, b] - x[2 : lengths[b], b]).square().mean() for b in range(4)]
        expected = torch.stack(alone).mean()
        torch.testing.assert_close(loss(OUT, target, lengths), expected)
        with pytest.raises(ShapeError, match="a sample has 1 steps"):
            loss(OUT, target, LENGTHS)

    def test_it_trains_without_targets(self) -> None:
        x, loss = spikes(16), rv.losses.FromInput(rv.losses.Regression("every"))
        fits = [quiet(build(6), data, epochs=8, lr=2e-2, loss=loss) for data in ((x,), (x, None), (x, torch.zeros(16)))]
        assert fits[0].history[-1].train.loss < fits[0].history[0].train.loss
        assert (
            [e.train for e in fits[0].history]
            == [e.train for e in fits[1].history]
            == [e.train for e in fits[2].history]
        )
        made = rv.losses.FromInput(rv.losses.Regression("mean"), make=lambda x: x.mean(1))
        given = quiet(build(6), (x, x.mean(1)), epochs=2, loss=rv.losses.Regression("mean"))
        assert [e.train for e in quiet(build(6), (x,), epochs=2, loss=made).history] == [e.train for e in given.history]
        with pytest.raises(TrainingError, match="targets are a NoneType"):
            quiet(build(6), (x,), epochs=1, loss=rv.losses.MaxOverTime())


RULES = {
    "bptt": rv.rules.BPTT(), "windows": rv.rules.BPTT(window=5), "checkpoint": rv.rules.BPTT(checkpoint=4),
    "sltt": rv.rules.SLTT(window=5), "chosen": rv.rules.SLTT(keep=6, window=4), "ottt": rv.rules.OTTT(window=3),
    "eprop": rv.rules.EProp(window=4),
}  # fmt: skip
CLASSES = torch.randint(0, 3, (8, 14), generator=torch.Generator().manual_seed(5))
VALUES = torch.rand(8, 14, 3, generator=torch.Generator().manual_seed(6))


@pytest.mark.parametrize(
    ("provider", "dtype"),
    [
        ("cpu", torch.float64),
        pytest.param("cpu", torch.float32, marks=pytest.mark.slow),
        pytest.param("reference", torch.float64, marks=pytest.mark.slow),
        pytest.param("reference", torch.float32, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", ["values", "classes", "pooled", "vector", "input", "tasks"])
def test_targets_of_every_step_under_every_rule(rule: str, kind: str, provider: str, dtype: torch.dtype) -> None:
    """One update, window by window with the targets of these steps, equals that of a loss that sees the whole series."""
    loss, y = {
        "values": (rv.losses.Regression("every"), VALUES),
        "classes": (rv.losses.EveryStep(), CLASSES),
        "pooled": (rv.losses.Pooled(rv.losses.EveryStep(), groups=3), CLASSES),
        "vector": (rv.losses.PopulationVector([0.0, 0.5, 1.0], at="every"), VALUES[..., 0]),
        "input": (rv.losses.FromInput(rv.losses.Regression("every"), make=lambda x: x[..., :3]), spikes()[..., :3]),
        "tasks": (rv.losses.Tasks({"v": rv.losses.Regression("every"), "c": rv.losses.EveryStep()}), {"v": VALUES, "c": CLASSES}),
    }[kind]  # fmt: skip
    assert loss.per_step
    x = spikes()

    def whole(out: Tensor, target: Any) -> Tensor:
        return loss(out, target)

    nets, cells = [], 6 if kind == "pooled" else 3
    for given in (loss, whole):
        net = build(cells, dtype=dtype, provider=provider, fires=kind == "vector" and rule != "eprop")
        optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
        if kind == "vector":
            with torch.no_grad():
                net.projections["linear2"].chain[0].weight.abs_()
                net.projections["linear2"].chain[0].bias.abs_()
        quiet(net, (x.to(dtype), y), epochs=1, loss=given, rule=RULES[rule], optimizer=optimizer)
        nets.append(net)
    close = {"rtol": 1e-9, "atol": 1e-11} if dtype is torch.float64 else {"rtol": 1e-4, "atol": 1e-6}
    for (name, a), b in zip(nets[0].named_parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(a, b, msg=lambda text, n=name: f"{n}: {text}", **close)


WHOLE = {"eventprop": rv.rules.EventProp(), "rtrl": rv.rules.RTRL(), "evolution": rv.rules.EvolutionStrategies()}


@pytest.mark.parametrize("rule", WHOLE)
def test_rules_that_see_the_whole_series_read_all_targets(rule: str) -> None:
    """Although the loss is a mean over steps; beside the formula itself as a loss."""

    def formula(out: Tensor, y: Tensor) -> Tensor:
        return (out - y.transpose(0, 1)).square().mean()

    nets = []
    for loss in (rv.losses.Regression("every"), formula):
        torch.manual_seed(0)
        cell = rv.Cell("dv/dt = (x - v)/(8*ms) : 1\nx : 1 (input)", threshold="v > 1", reset="v = 0", size=8)
        current = rv.Exponential("x", tau=5 * ms)
        out = rv.Cell("dv/dt = (x - v)/(10*ms) : 1\nx : 1 (input)", emit="v", size=3)
        first = rv.Linear(6, 8)
        with torch.no_grad():
            first.weight.mul_(4)
        net = rv.Sequential(first, cell + current, rv.Linear(8, 3), out + current, dt=1 * ms, dtype=torch.float64)
        optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
        fit = quiet(net, (spikes().double(), VALUES), epochs=1, loss=loss, rule=WHOLE[rule], optimizer=optimizer)
        assert fit.best.gradient_norm > 0
        nets.append(net)
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


def test_several_tasks_resume_to_the_last_bit(tmp_path: Path) -> None:
    """Targets by name and from the input, a rule in windows, and a best epoch by the metric of one task."""
    x = spikes(20)
    y = {"c": torch.arange(20) % 3, "v": x[..., :3]}
    tasks = {"c": rv.losses.EveryStep(), "v": rv.losses.Regression("every"), "next": rv.losses.FromInput(
        rv.losses.Regression("every"), ahead=1, make=lambda x: x[..., 3:])}  # fmt: skip
    how: dict[str, Any] = {
        "loss": rv.losses.Tasks(tasks, weights={"next": 0.1}), "rule": rv.rules.OTTT(window=4), "batch_size": 8, "lr": 1e-2,
        "restore_best": "v.rmse",
    }  # fmt: skip
    whole, data = build(), (x, y)
    expected = quiet(whole, data, data, epochs=3, **how)
    for epochs in range(1, 4):
        part = build()
        if epochs > 1:
            with torch.no_grad():
                part.get_parameter("linear1.weight").zero_()
        fit = quiet(part, data, data, epochs=epochs, checkpoint=tmp_path, **how)
    assert [(e.train, e.valid) for e in fit.history] == [(e.train, e.valid) for e in expected.history]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), part.parameters(), strict=True))
    y["v"] = y["v"] + 1
    with pytest.raises(TrainingError, match=r"made with train_set\.parts\[1\]\.v="):
        quiet(build(), data, data, epochs=4, checkpoint=tmp_path, **how)
