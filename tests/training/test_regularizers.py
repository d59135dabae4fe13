"""Each regulariser is its formula, has a right gradient through the network, and moves what it should."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.units import ms, mV

R = rv.regularizers
LENGTHS = torch.tensor([5, 3])


def net(**how: object) -> rv.Sequential:
    torch.manual_seed(0)
    made = rv.Sequential(
        rv.Linear(6, 8), rv.LIF(8, V_th=0.5), rv.Linear(8, 4), rv.LIF(4, reset="v = 0"), rv.Linear(4, 3), rv.LeakyReadout(3),
        dt=1 * ms, dtype=torch.float64, **how,
    )  # fmt: skip
    with torch.no_grad():
        for p in made.projections.values():
            p.chain[0].weight.mul_(4)
    return made


def signals(made: rv.Network, lengths: torch.Tensor | None) -> dict[str, dict[str, torch.Tensor]]:
    x = (torch.rand(5, 2, 6, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    record = {key: ["spikes", "v", "v_before"] for key in ("lif1", "lif2")}
    return made.observe(x, record=record, lengths=lengths)


def own(signal: torch.Tensor, lengths: torch.Tensor | None) -> list[torch.Tensor]:
    """Each sample's own steps [T_b, N]."""
    ends = [signal.shape[0]] * signal.shape[1] if lengths is None else lengths.tolist()
    return [signal[:n, b] for b, n in enumerate(ends)]


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "padded"])
class TestFormulas:
    def test_spike_cost(self, lengths: torch.Tensor | None) -> None:
        made = net()
        seen = signals(made, lengths)
        for power in (1, 2):
            want = 0.0
            for name in ("lif1", "lif2"):
                rates = torch.stack([s.mean(0) for s in own(seen[name]["spikes"], lengths)])
                want += float(rates.detach().pow(power).mean())
            found = R.SpikeCost(0.3, power=power)(made, seen, lengths)
            assert float(found.detach()) == pytest.approx(0.3 * want, rel=1e-12)

    def test_rate_bounds(self, lengths: torch.Tensor | None) -> None:
        made = net()
        seen = signals(made, lengths)
        rates = torch.cat(own(seen["lif1"]["spikes"], lengths)).mean(0).detach()
        want = float(((0.3 - rates).clamp(min=0) ** 2 + (rates - 0.4).clamp(min=0) ** 2).mean())
        assert want > 0
        found = R.RateBounds(2.0, ["lif1"], low=0.3, high=0.4)(made, seen, lengths)
        assert float(found.detach()) == pytest.approx(2 * want, rel=1e-12)
        mean = float(rates.mean())
        found = R.RateBounds(1.0, ["lif1"], low=0.0, high=0.1, per="population")(made, seen, lengths)
        assert float(found.detach()) == pytest.approx(max(0.0, mean - 0.1) ** 2, rel=1e-12)

    @pytest.mark.parametrize(("low", "high"), [(-0.2, 0.3), (0.1, 0.3), (-0.5, -0.1)])
    def test_membrane_bounds(self, lengths: torch.Tensor | None, low: float, high: float) -> None:
        made = net()
        seen = signals(made, lengths)
        v = torch.cat(own(seen["lif2"]["v"], lengths)).detach()
        want = float(((low - v).clamp(min=0) ** 2 + (v - high).clamp(min=0) ** 2).mean())
        found = R.MembraneBounds(1.0, ["lif2"], low=low, high=high)(made, seen, lengths)
        assert float(found.detach()) == pytest.approx(want, rel=1e-12)

    def test_residual_membrane(self, lengths: torch.Tensor | None) -> None:
        """What a subtracting reset leaves, for the level V_th; else the distance to the level of the spike."""
        made = net()
        seen = signals(made, lengths)
        v = torch.cat(own(seen["lif1"]["v"], lengths)).detach()
        found = R.ResidualMembrane(1.0, ["lif1"])(made, seen, lengths)
        assert float(found.detach()) == pytest.approx(float((v / 0.5).square().mean()), rel=1e-12)
        u, s = (torch.cat(own(seen["lif2"][n], lengths)).detach() for n in ("v_before", "spikes"))
        found = R.ResidualMembrane(1.0, ["lif2"], level=2.0)(made, seen, lengths)
        assert float(s.sum()) > 0
        assert float(found.detach()) == pytest.approx(float((u / 2 - s).square().mean()), rel=1e-12)

    def test_centred_membrane(self, lengths: torch.Tensor | None) -> None:
        made = net()
        seen = signals(made, lengths)
        u = torch.cat(own(seen["lif1"]["v_before"], lengths)).detach()
        found = R.CentredMembrane(2.0, ["lif1"], share=0.5)(made, seen, lengths)
        assert float(found.detach()) == pytest.approx(2 * (float(u.mean()) / 0.5 - 0.5) ** 2, rel=1e-12)

    def test_hoyer_sparsity(self, lengths: torch.Tensor | None) -> None:
        made = net()
        seen = signals(made, lengths)
        z = (torch.cat(own(seen["lif1"]["v_before"], lengths)).detach() / 0.5).clamp(0, 1)
        each = [float(row.sum() ** 2 / (row**2).sum()) if row.any() else 0.0 for row in z]
        found = R.HoyerSparsity(3.0, ["lif1"])(made, seen, lengths)
        assert 3 < float(found.detach()) < 3 * z.shape[1]
        assert float(found.detach()) == pytest.approx(3 * sum(each) / len(each), rel=1e-12)


def test_hoyer_sparsity_drives_membranes_apart_at_its_extremum() -> None:
    """The slope is negative above sum z**2/sum z, positive below, and none where membranes are negative or above the threshold."""
    made = net()
    u = torch.tensor([0.1, 0.05, 0.3, 0.45, -0.2, 0.9], dtype=torch.float64).reshape(1, 1, 6).requires_grad_()
    R.HoyerSparsity(1.0).penalty(made, "lif1", (u,), None).backward()
    z = (u.detach() / 0.5).clamp(0, 1)
    extremum = float(z.square().sum() / z.sum())
    slope = u.grad.flatten()[:4]
    assert torch.equal(slope > 0, z.flatten()[:4] < extremum)
    assert 0 < int((slope > 0).sum()) < 4
    assert u.grad.flatten()[4:].tolist() == [0.0, 0.0]
    assert float(R.HoyerSparsity(1.0).penalty(made, "lif1", (-u.detach().abs(),), None)) == 0.0


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("rule", [rv.rules.BPTT(), rv.rules.BPTT(checkpoint=3)], ids=repr)
def test_the_gradient_is_that_of_a_hand_written_loop(rule: rv.rules.Rule, provider: str) -> None:
    """One step of plain gradient descent with rv.train against autograd over observe."""
    x = (torch.rand(3, 8, 6, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    y, n = torch.tensor([0, 1, 2]), torch.tensor([8, 6, 3])
    terms = [R.SpikeCost(0.1), R.RateBounds(1.0, low=0.4, high=0.5), R.ResidualMembrane(0.2), R.CentredMembrane(0.3)]
    terms.append(R.HoyerSparsity(0.05))
    made, twin = net(provider=provider), net(provider=provider)
    rv.train(made, (x, y, n), epochs=1, rule=rule, regularizers=terms, optimizer="sgd", lr=0.1, progress=False)
    record = {"lif1": ["spikes", "v_before"], "lif2": ["spikes", "v_before"], "readout1": ["v"]}
    seen = twin.observe(x.transpose(0, 1), record=record, lengths=n)
    loss = rv.losses.MaxOverTime()(seen["readout1"]["v"], y, n) + sum(t(twin, seen, n) for t in terms)
    loss.backward()
    for a, b in zip(made.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a, b - 0.1 * b.grad, rtol=1e-9, atol=1e-12)


def test_rates_go_where_they_are_sent() -> None:
    made = net()
    x = (torch.rand(8, 20, 6, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    target = [R.RateBounds(100.0, low=0.10, high=0.12, per="population")]
    fit = rv.train(made, (x, torch.zeros(8).long()), epochs=60, lr=2e-2, regularizers=target, progress=False)
    first, last = fit.history[0].rates, made.observe(x.transpose(0, 1), record={"lif1": ["spikes"], "lif2": ["spikes"]})
    assert min(first.values()) > 0.15
    for name in first:
        assert 0.05 < float(last[name]["spikes"].detach().mean()) < 0.17


class Plain(rv.rules.Rule):
    """A rule that brings no gradient of hidden signals."""

    def arguments(self) -> dict[str, object]:
        return {}

    def gradient(self, net: rv.Network, x: object, criterion: object) -> rv.rules.Outcome:
        raise NotImplementedError


STEPWISE = [R.SpikeCost(0.1), R.MembraneBounds(0.5, low=-0.1, high=0.2), R.ResidualMembrane(0.2)]
WINDOWED = [lambda w: rv.rules.BPTT(window=8), lambda w: rv.rules.SLTT(window=w), lambda w: rv.rules.OTTT(window=w)]


@pytest.mark.parametrize("loss", [rv.losses.EveryStep(), rv.losses.MaxOverTime()], ids=["one pass", "two passes"])
@pytest.mark.parametrize("make", WINDOWED)
def test_means_over_steps_in_windows(make: Callable[[int], rv.rules.Rule], loss: rv.losses.Loss) -> None:
    """The step does not depend on the window, nor on who runs it; with all steps in one, BPTT is BPTT."""
    x = (torch.rand(16, 8, 6, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    y = torch.arange(16) % 3

    def step(rule: rv.rules.Rule, regularizers: list[R.Regularizer], **how: object) -> list[torch.Tensor]:
        made = net(**how)
        before = [q.detach().clone() for q in made.parameters()]
        rv.train(
            made, (x, y), epochs=1, rule=rule, loss=loss, regularizers=regularizers, optimizer="sgd", lr=0.1, progress=False
        )  # fmt: skip
        return [q.detach() - b for q, b in zip(made.parameters(), before, strict=True)]

    whole = step(make(8), STEPWISE, provider="reference")
    for other in (step(make(8), STEPWISE), step(make(5), STEPWISE), step(make(1), STEPWISE)):
        for a, b in zip(whole, other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
    assert any(not torch.allclose(a, b) for a, b in zip(whole, step(make(8), []), strict=True))
    if isinstance(make(8), rv.rules.BPTT):
        for a, b in zip(whole, step(rv.rules.BPTT(), STEPWISE), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_misuse_is_named() -> None:
    x, y = torch.zeros(2, 3, 6), torch.zeros(2).long()
    for terms, what in (
        ([0.1], "is not a regulariser"),
        (R.SpikeCost(1.0), r"regularizers=SpikeCost\(.* is not a list"),
        (iter([R.SpikeCost(1.0)]), "regularizers=.* is not a list"),
        ([R.SpikeCost(1.0, ["lif9"])], "nothing to read of 'lif9'"),
        ([R.SpikeCost(1.0, ["readout1"])], "can watch lif1, lif2"),
        ([R.ResidualMembrane(1.0, ["readout1"])], "can watch lif1, lif2"),
    ):
        with pytest.raises(TrainingError, match=what):
            rv.train(net(), (x, y), epochs=1, regularizers=terms, progress=False)  # type: ignore[arg-type]
    for rule in (Plain(), rv.rules.SLTT(keep=2), rv.rules.EProp(), rv.rules.RTRL()):
        with pytest.raises(TrainingError, match="carries no gradient of hidden signals"):
            rv.train(net(), (x, y), epochs=1, rule=rule, regularizers=[R.SpikeCost(1.0)], progress=False)
    for rule in (rv.rules.BPTT(window=2), rv.rules.SLTT(), rv.rules.OTTT()):
        for term in (R.SpikeCost(1.0, power=2), R.RateBounds(1.0), R.CentredMembrane(1.0)):
            with pytest.raises(TrainingError, match=f"{type(term).__name__}.* is not a mean over steps"):
                rv.train(net(), (x, y), epochs=1, rule=rule, regularizers=[term], progress=False)
        with pytest.raises(TrainingError, match="samples of unequal lengths weigh unequally"):
            rv.train(
                net(),
                (x, y, torch.tensor([3, 2])),
                epochs=1,
                rule=rule,
                regularizers=[R.SpikeCost(1.0)],
                progress=False,
            )
    for wrong in (
        lambda: R.SpikeCost(-1.0),
        lambda: R.SpikeCost(1.0, power=3),
        lambda: R.SpikeCost(1.0, "lif1"),
        lambda: R.RateBounds(1.0, low=0.5, high=0.2),
        lambda: R.RateBounds(1.0, per="layer"),
        lambda: R.MembraneBounds(1.0, low=1.0, high=0.0),
        lambda: R.MembraneBounds(1.0, low=-70 * mV, high=-50 * mV),
        lambda: R.ResidualMembrane(1.0, level="1"),  # type: ignore[arg-type]
        lambda: R.CentredMembrane(1.0, share="1"),  # type: ignore[arg-type]
        lambda: R.HoyerSparsity(float("nan")),
        lambda: R.HoyerSparsity(1.0, "lif1"),
        lambda: R.HoyerSparsity(1.0, ["readout1"]).watched(net()),
    ):
        with pytest.raises(TrainingError):
            wrong()
