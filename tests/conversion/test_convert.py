"""Converted networks against those they were made from."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import ranvier as rv
from ranvier.conversion import QCFS, Fires, Maps, quantize_activations
from ranvier.errors import ConversionError, RanvierError, RanvierWarning
from ranvier.units import ms


class Block(nn.Module):
    """Two convolutions and the way past them, with calls of functions."""

    def __init__(self, channels):
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))

    def forward(self, x):
        y = functional.relu(self.norms[0](self.first(x)))
        return torch.relu(self.norms[1](self.second(y)) + x)


class Net(nn.Module):
    """A small residual network."""

    def __init__(self, largest=False):
        super().__init__()
        self.stem, self.norm, self.act = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()
        self.block, self.pool = Block(4), nn.MaxPool2d(2) if largest else nn.AvgPool2d(2)
        self.drop, self.last = nn.Dropout(0.5), nn.Linear(16, 5)

    def forward(self, x):
        x = self.pool(self.block(self.act(self.norm(self.stem(x)))))
        return self.last(self.drop(x.view(x.size(0), -1)))


def trained(model, x):
    """``model`` with running statistics of ``x``."""
    torch.manual_seed(3)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.5)
    model.train()
    with torch.no_grad():
        for _ in range(30):
            model(x)
    return model.eval()


@pytest.fixture
def x():
    torch.manual_seed(5)
    return torch.rand(24, 1, 4, 4)


@pytest.mark.parametrize("start", [0.0, 0.25, 0.5])
def test_cells_begin_at_a_part_of_their_threshold(start):
    torch.manual_seed(0)
    model, given, steps = nn.Sequential(nn.Linear(3, 8), nn.ReLU()), torch.rand(50, 3), 10
    with torch.no_grad():
        model[0].weight.abs_()
    made = rv.convert(model, given, threshold="max", start=start)
    top = made.rows[1].threshold
    expected = torch.floor(steps * model(given) / top + start).clamp(max=steps) * top / steps
    off = (made(given, steps) - expected).abs() > 1e-5  # what meets its threshold exactly may fire one step later
    assert off.float().mean() < 0.01


@pytest.mark.parametrize("start", [-0.1, 1.0, "rest", None])
def test_a_start_outside_of_the_threshold_raises_an_error(start):
    with pytest.raises(ConversionError, match="part of the threshold"):
        rv.convert(nn.Sequential(nn.Linear(3, 8), nn.ReLU()), torch.rand(5, 3), start=start)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_output_comes_as_near_as_steps_allow(x, provider, dtype):
    x, model = x.to(dtype), trained(Net(), x).to(dtype)
    made = rv.convert(model, x, threshold="max")
    made.net.provider = provider
    with torch.no_grad():
        right = model(x)
    errors = [float((made(x, steps) - right).abs().max()) for steps in (16, 256)]
    assert errors[0] < 0.3 * float(right.abs().max())
    assert errors[1] < errors[0] / 8


@pytest.mark.parametrize("levels", [1, 3, 8])
def test_rates_of_one_layer_are_the_values_of_qcfs(levels):
    torch.manual_seed(levels)
    model = nn.Sequential(nn.Linear(6, 40), QCFS(levels, V_th=0.7), nn.Linear(40, 3)).double()
    x = torch.randn(50, 6, dtype=torch.float64)
    made = rv.convert(model, x)
    assert next(r.threshold for r in made.rows if r.became == "spiking") == pytest.approx(0.7)
    assert made(x, levels) == pytest.approx(model(x).detach(), abs=1e-12)


def test_every_layer_is_reported(x):
    made = rv.convert(trained(Net(largest=True), x), x)
    became = {row.layer: row.became for row in made.rows}
    assert became == {
        "stem": "kept", "norm": "folded", "act": "spiking", "block.first": "kept", "block.norms.0": "folded", "relu": "spiking",
        "block.second": "kept", "block.norms.1": "folded", "add": "kept", "relu_1": "spiking", "pool": "approximated", "view": "kept",
        "drop": "left out", "last": "kept",
    }  # fmt: skip
    assert "largest of each step's spikes" in str(made)
    assert not any(hasattr(m, "running_mean") for m in made.net.modules())


def test_agreement_and_accuracy(x):
    model = trained(Net(), x)
    y = model(x).argmax(1)
    rows = rv.convert(model, x, threshold="max").evaluate(x, y, steps=(1, 256))
    assert [row.steps for row in rows] == [0, 1, 256]
    assert rows[0].accuracy == 1
    assert rows[1].accuracy == rows[1].agreement < rows[2].agreement
    assert rows[2].agreement > 0.9


def test_the_original_is_not_changed(x):
    model = trained(Net(), x).train()
    before = {n: v.clone() for n, v in model.state_dict().items()}
    rv.convert(model, x, calibrate=True, steps=4)
    assert model.training
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())


def test_modules_without_rates_are_averaged():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.attention = nn.LayerNorm(8), nn.MultiheadAttention(8, 2, batch_first=True)
            self.last = nn.Linear(8, 3)

        def forward(self, x):
            y = self.norm(x)
            return self.last(functional.gelu(x + self.attention(y, y, y)[0]).mean(1))

    torch.manual_seed(1)
    model, x = Attends().eval(), torch.randn(7, 5, 8)
    with pytest.raises(
        ConversionError, match=r"(?s)4 layers.*norm \(LayerNorm\).*attention \(Multihead.*getitem.*gelu \(gelu\)"
    ):
        rv.convert(model, x)
    made = rv.convert(model, x, averages=(nn.LayerNorm, nn.MultiheadAttention, "gelu"))
    for steps in (1, 2, 5):  # nothing fires, so every number of steps gives the same
        assert made(x, steps) == pytest.approx(model(x).detach(), abs=2e-5)


def test_factors_and_clips():
    class Clips(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 12), nn.Linear(12, 12)

        def forward(self, x):
            x = functional.relu6(4 * self.first(x))
            return torch.clamp(-0.5 * self.second(x / 2), 0, 1.5) * 3

    torch.manual_seed(2)
    model, x = Clips().double(), torch.randn(60, 4, dtype=torch.float64)
    made = rv.convert(model, x, threshold="max")
    thresholds = [row.threshold for row in made.rows if row.threshold]
    assert all(round(found, 6) <= top for found, top in zip(thresholds, (6, 1.5), strict=True))
    assert made(x, 400) == pytest.approx(model(x).detach(), abs=0.03)


def test_thresholds(x):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 30), nn.ReLU(), nn.Linear(30, 2))
    with torch.no_grad():
        active = model[:3](x)

    def threshold(**how):
        return next(r.threshold for r in rv.convert(model, x, **how).rows if r.threshold)

    assert threshold(threshold="max") == pytest.approx(float(active.max()))
    assert threshold(threshold=90) == pytest.approx(float(torch.quantile(active, 0.9)))
    assert threshold(threshold="max") == threshold(threshold=100)

    def error(top):
        return float(((active - (active * 4 / top + 0.5).floor().clip(0, 4) * top / 4) ** 2).mean())

    assert error(threshold(threshold="least_error", steps=4)) < 0.8 * error(threshold(threshold="max"))


def test_calibration_makes_mean_rates_mean_activations(x):
    model, steps = trained(Net(), x), 5

    @torch.no_grad()
    def found(calibrate):
        made = rv.convert(model, x, threshold=95, steps=steps, calibrate=calibrate)
        first = next(row for row in made.rows if row.threshold)
        signals = made.net.observe(x.expand(steps, *x.shape), record={first.layer: ["spikes"]})
        return float(signals[first.layer]["spikes"].mean()) * first.threshold

    with torch.no_grad():
        wanted = float(model.act(model.norm(model.stem(x))).mean())
    plain, shifted = found(False), found(True)
    assert abs(shifted - wanted) < abs(plain - wanted)


def test_batches_generators_and_rules_of_your_own(x):
    class Halves(nn.Module):
        def forward(self, x):
            return x / 2

    class Fires2(nn.Module):
        def forward(self, x):
            return x.clamp(0)

    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), Fires2(), Halves(), nn.Linear(8, 2))
    rules = {Halves: lambda m: Maps(m, "through"), Fires2: lambda m: Fires()}
    pairs = [(part, torch.zeros(len(part))) for part in x.split(7)]
    made = rv.convert(model, (pair for pair in pairs), layers=rules, threshold="max")
    again = rv.convert(model, x, layers=rules, threshold="max")
    assert [r.threshold for r in made.rows] == [r.threshold for r in again.rows]
    assert made(x, 300) == pytest.approx(model(x).detach(), abs=0.02)


def test_a_start_for_training(x, tmp_path):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2))
    made = rv.convert(model, x, cell=rv.LIF(tau=5 * ms))
    made.net(x.expand(3, *x.shape))[0].sum().backward()
    assert all(p.grad is not None for p in made.net.parameters())
    rv.save(made.net, tmp_path / "net")
    again = rv.load(tmp_path / "net")
    assert torch.equal(again(x.expand(3, *x.shape))[0], made.net(x.expand(3, *x.shape))[0])


class TwoInputs(nn.Module):
    def forward(self, x, y):
        return x + y


class TwoOutputs(nn.Module):
    def forward(self, x):
        return x, x


class Branches(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Counted(nn.Module):
    def forward(self, x):
        return x.view(len(x), -1)


class Joined(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)

    def forward(self, x):
        return functional.softmax(torch.cat([self.first(x), x.sigmoid()], 1), 1)


class Unread:
    """Data that must not be read."""

    def __iter__(self):
        raise AssertionError("data was read")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (3, "takes a torch.nn.Module, got int"),
        (TwoInputs(), r"2 inputs \(x, y\)"),
        (TwoOutputs(), "returns several values"),
        (Branches(), "cannot be traced"),
        (Counted(), r"cannot be traced.*write.*with x\.size\(0\) for len\(x\)"),
        (Joined(), r"(?s)3 layers.*sigmoid.*cat \(cat\): branches can be added.*softmax \(softmax\): leave it out"),
        (nn.Sequential(nn.Linear(3, 3), nn.GELU()), r"  1 \(GELU\): rates of spikes cannot stand"),
        (nn.Sequential(nn.Linear(3, 3), nn.LSTM(3, 3)), "LSTM"),
        (nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False)), "without running statistics"),
        (nn.Linear(3, 3).half(), r"torch.float16.*model.float\(\)"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_refused_before_anything_runs(model, says):
    with pytest.raises(ConversionError, match=says):
        rv.convert(model, Unread())


@pytest.mark.parametrize(
    ("data", "how", "says"),
    [
        (torch.zeros(0, 3), {}, "no sample"),
        (torch.tensor([[1.0, 2.0, float("nan")]]), {}, "NaN"),
        (torch.rand(4, 5), {}, r"data of shape \(4, 5\) does not fit"),
        (torch.zeros(4, 3, dtype=torch.int64), {}, "floating-point"),
        (["a"], {}, "data holds str"),
        (7, {}, "data=int"),
        (torch.rand(4, 3), {"threshold": 0}, "threshold=0"),
        (torch.rand(4, 3), {"threshold": "mean"}, "threshold='mean'"),
        (torch.rand(4, 3), {"threshold": "least_error"}, "give steps="),
        (torch.rand(4, 3), {"calibrate": True}, "give steps="),
        (torch.rand(4, 3), {"steps": 0}, "steps=0"),
    ],
)  # fmt: skip
def test_bad_data_and_options_are_named(data, how, says):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(ConversionError, match=says):
        rv.convert(model, data, **how)


def test_silent_layers_are_named():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        model[0].bias.fill_(-100)
    with pytest.warns(RanvierWarning, match="no sample of data activates 1:"):
        rv.convert(model, torch.rand(5, 3))


def test_qcfs_has_the_gradient_of_its_definition():
    layer = QCFS(4, V_th=2.0).double()
    x = torch.tensor([-1.0, 0.3, 1.1, 5.0], dtype=torch.float64, requires_grad=True)
    y = layer(x)
    assert y.tolist() == [0.0, 0.5, 1.0, 2.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 0.0]
    assert float(layer.V_th.grad) == pytest.approx((0.5 - 0.3) / 2 + (1.0 - 1.1) / 2 + 1)


def test_activations_are_replaced_in_a_copy():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    made = quantize_activations(model, levels=4)
    assert sum(isinstance(m, QCFS) for m in made.modules()) == 2
    assert not any(isinstance(m, QCFS) for m in model.modules())
    with pytest.raises(RanvierError, match="holds no ReLU"):
        quantize_activations(nn.Linear(3, 3))
    with pytest.raises(RanvierError, match="levels=0"):
        QCFS(0)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (rv.CurrentLIF(), r"has no port declared as \(input\)\. .*a cell that fires, with one input, a state v and a parameter V_th"),
        (rv.AdEx(), r"has no parameter V_th"),
        (rv.LeakyReadout(), "sends no spikes"),
        (rv.Cell("v' = 0.5*v + a + b : 1\na : 1 (input)\nb : 1 (input)", threshold="v > V_th", V_th=1.0), "has the inputs a, b, not one"),
        (rv.Cell("u' = 0.5*u + x : 1\nx : 1 (input)", threshold="u > V_th", V_th=1.0), "has no state v"),
        (rv.LIF, "cell=LIF is no cell"),
        ("lif", "cell='lif' is no cell"),
        (rv.HodgkinHuxley(), r"gives I, v, V_th a unit \(nA\)"),
    ],
)  # fmt: skip
def test_a_cell_that_cannot_stand_for_a_rectifier_says_what_is_needed(cell: Any, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        rv.convert(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)), torch.rand(5, 8), cell=cell)


def test_one_thing_in_the_place_of_several_is_refused() -> None:
    model, x = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)), torch.rand(5, 8)
    for given, words in (
        ({"averages": 3}, r"averages=3 must be a list.*averages=\(torch"),
        ({"layers": 3}, "layers=3 must be a mapping"),
    ):
        with pytest.raises(ConversionError, match=words):
            rv.convert(model, x, **given)
    with pytest.raises(ConversionError, match=r"steps=4 must be a list of numbers of steps: write steps=\(4, 16\)"):
        rv.convert(model, x).evaluate(x, steps=4)
