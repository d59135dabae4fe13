"""Stopping inside the batch: the same outputs, classes and steps as a run of all steps that is read afterwards."""

import pytest
import torch

import ranvier as rv
from ranvier.units import Hz, ms


def chain(dtype=torch.float32, provider=None):
    torch.manual_seed(1)
    return rv.Sequential(
        rv.Linear(12, 20), rv.Recurrent(rv.LIF(20, tau=5 * ms), rv.Linear(20, 20)), rv.Linear(20, 4), rv.LeakyReadout(4, tau=5 * ms),
        dt=1 * ms, seed=1, dtype=dtype, provider=provider,
    )  # fmt: skip


def delayed():
    torch.manual_seed(2)
    net = rv.Sequential(
        rv.Linear(12, 20, delay=rv.Uniform(0 * ms, 3 * ms)), rv.LIF(20), rv.Linear(20, 4, delay=1 * ms), rv.LeakyReadout(4), dt=1 * ms, seed=2
    )  # fmt: skip
    with torch.no_grad():
        net.projections["linear1"].chain[0].weight.mul_(3)
    return net


def given(batch, dtype=torch.float32, steps=9):
    return (torch.rand(steps, batch, 12, generator=torch.Generator().manual_seed(3)) < 0.4).to(dtype)


def afterwards(net, rule, x, readout, every, threshold):
    """Steps, classes and read-outs from the outputs of all steps, sample by sample."""
    with torch.no_grad():
        out = net.eval()(x)[0]
    steps, classes, reads = [], [], []
    for b in range(x.shape[1]):
        for step in [*range(every, len(x), every), len(x)]:
            seen = out[:step, b : b + 1]
            read = {"mean": seen.mean(0), "sum": seen.sum(0), "last": seen[-1]}[readout]
            if step == len(x) or rule.confidence(read, step) >= threshold:
                break
        steps.append(step)
        classes.append(int(read.argmax()))
        reads.append(read[0])
    return torch.tensor(steps), torch.tensor(classes), torch.stack(reads)


@pytest.mark.parametrize("make", [chain, delayed])
@pytest.mark.parametrize("batch", [1, 7, 40])
@pytest.mark.parametrize(("readout", "every"), [("mean", 1), ("sum", 2), ("last", 4)])
def test_as_if_read_afterwards(make, batch, readout, every):
    net, rule, x = make(), rv.inference.Margin(), given(batch)
    whole = rv.inference.running(net(x)[0].detach(), readout, every)
    threshold = float(rule.confidence(whole.flatten(0, 1), 1).quantile(0.6)) + 1e-5
    made = rv.inference.EarlyExit(net, rule, readout=readout, every=every, threshold=threshold)(x)
    steps, classes, read = afterwards(net, rule, x, readout, every, threshold)
    assert torch.equal(made.steps, steps)
    assert torch.equal(made.classes, classes)
    torch.testing.assert_close(made.read, read)
    assert batch < 40 or len(steps.unique()) > 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_reference_decides_as_cpu(dtype):
    x = given(16, dtype)
    one, other = (
        rv.inference.EarlyExit(chain(dtype, provider), rv.inference.MaxSoftmax(), threshold=0.3)(x)
        for provider in ("cpu", "reference")
    )
    assert torch.equal(one.steps, other.steps)
    torch.testing.assert_close(one.read, other.read)
    assert one.read.dtype == dtype


def test_fewer_rows_are_computed_and_the_mode_stays():
    net, rows = chain().train(), []
    net.register_forward_hook(lambda module, given, out: rows.append(given[0].shape[1]))
    made = rv.inference.EarlyExit(net, rv.inference.Margin(), threshold=0.12)(given(40))
    assert net.training
    assert rows[0] == 40
    assert rows == sorted(rows, reverse=True)
    assert set(rows[1:]) <= {40, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1}
    assert int(made.steps.sum()) <= sum(rows) < 40 * 9
    left = [int((made.steps > k).sum()) for k in range(1, len(rows))]
    assert all(n <= row <= max(1.5 * n, n + 1) or row == 40 for n, row in zip(left, rows[1:], strict=True))


def test_all_stop_at_once_or_never():
    net, x = chain(), given(5)
    assert rv.inference.EarlyExit(net, rv.inference.Margin(), threshold=-1.0)(x).steps.tolist() == [1] * 5
    assert rv.inference.EarlyExit(net, rv.inference.Margin(), threshold=float("inf"))(x).steps.tolist() == [9] * 5


def test_a_state_keeps_the_samples_that_are_taken():
    net, x, chosen = delayed(), given(6), torch.tensor([4, 0, 5])
    with torch.no_grad():
        _, state = net(x[:4])
        whole, after = net(x[4:], state)
        some, left = net(x[4:, chosen], state.take(chosen))
    assert torch.equal(some, whole[:, chosen])
    for name, value in left.tensors().items():
        axis = 1 if name.startswith("history") else 0
        assert torch.equal(value, after.tensors()[name].index_select(axis, chosen)), name


def test_a_rule_of_ones_own():
    class Late(rv.inference.StopRule):
        """Sure after four steps."""

        def confidence(self, read, step):
            return torch.full((len(read),), float(step))

    assert rv.inference.EarlyExit(chain(), Late(), threshold=4.0)(given(3)).steps.tolist() == [4, 4, 4]


def circuit():
    net = rv.Network(dt=1 * ms)
    net.source("input", rv.Poisson(20 * Hz, 5))
    net.population("cells", 5, rv.LIF())
    net.connect("input", "cells", rv.OneToOne(), weight=1.0)
    return net


def two_outputs():
    net = rv.Network(dt=1 * ms)
    net.input("x", 12)
    for name in ("a", "b"):
        net.population(name, 3, rv.LIF())
        net.connect("x", name, rv.Linear(12, 3), same_step=True)
    net.outputs = ("a", "b")
    return net


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda net, rule: rv.inference.EarlyExit(torch.nn.Linear(3, 3), rule), "network of Ranvier, got a Linear"),
        (lambda net, rule: rv.inference.EarlyExit(circuit(), rule), r"its own sources.*net\.run"),
        (lambda net, rule: rv.inference.EarlyExit(two_outputs(), rule), "one of its outputs, this one has 'a', 'b'"),
        (lambda net, rule: rv.inference.EarlyExit(net, rv.inference.Margin), r"write Margin\(\)"),
        (lambda net, rule: rv.inference.EarlyExit(net, 0.9), "no StopRule, such as"),
        (lambda net, rule: rv.inference.EarlyExit(net, rule, readout="maen"), "Did you mean 'mean'"),
        (lambda net, rule: rv.inference.EarlyExit(net, rule, every=0), "every=0"),
        (lambda net, rule: rv.inference.EarlyExit(net, rule, threshold=float("nan")), "threshold=nan"),
        (lambda net, rule: rv.inference.EarlyExit(net, rule)(given(2)), "no threshold yet: call calibrate"),
        (lambda net, rule: rv.inference.EarlyExit(net, rule, threshold=1)(given(2)[0]), r"\[T, B, …\]"),
        (lambda net, rule: rv.inference.EarlyExit(net, rule, threshold=1)({"x": given(2)}), "got dict"),
        (
            lambda net, rule: rv.inference.EarlyExit(rv.Sequential(rv.Linear(12, 1), rv.LIF(1), dt=1 * ms), rule, threshold=1)(given(2)),
            "at least two classes",
        ),
        (lambda net, rule: rv.inference.running(torch.zeros(3, 4)), r"\[T, B, C\]"),
        (lambda net, rule: rv.inference.oracle(torch.zeros(3, 4, 2), torch.zeros(5)), r"classes \[S\]"),
        (lambda net, rule: rv.inference.DecodedConfidence(alpha=0), "alpha=0"),
        (lambda net, rule: rv.inference.DecodedConfidence(bins=1), "bins=1"),
        (lambda net, rule: rv.inference.GapCutoff().confidence(torch.zeros(2, 3), 1), "no gaps yet"),
        (lambda net, rule: rv.inference.LearnedCutoff().confidence(torch.zeros(2, 3), 1), "learnt nothing"),
        (lambda net, rule: rv.inference.harm_bound(5, 3), "5 of 3"),
        (lambda net, rule: rv.inference.harm_bound(0, 3, 1.0), "level=1.0"),
    ],
)  # fmt: skip
def test_mistakes(call, words):
    with pytest.raises(rv.errors.RanvierError, match=words):
        call(chain(), rv.inference.MaxSoftmax())
