"""The cpu provider equals the reference provider: values and every gradient, for any cell, shape and layout."""

from __future__ import annotations

import gc
from collections.abc import Callable
from unittest import mock

import pytest
import torch
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.errors import ProviderError
from ranvier.kernels import eager, reference
from ranvier.kernels.cpu import run_scan
from ranvier.kernels.cpu.host.buffers import buffer_stats
from ranvier.kernels.cpu.llvm.jit import KERNELS
from ranvier.kernels.cpu.scan import kernels
from ranvier.kernels.tasks import Scan
from ranvier.units import ms

Tensor = torch.Tensor
#: explaining a failure would take minutes
PHASES = [Phase.explicit, Phase.generate, Phase.shrink]
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
#: how many times rounding grows in the upstroke of a spike
GROWTH = {"izhikevich": 100, "adex": 10, "hodgkin_huxley": 10}
NAMES = [
    "ALIF", "IF", "LIF", "WKV", "AdEx", "CurrentLIF", "HodgkinHuxley", "IntegerLIF", "Izhikevich", "LeakyReadout",
    "LegendreMemory", "LinearAttention", "MultiSpikeIF", "ResonateAndFire",
    "SlidingPSN", "StateSpace", "StochasticLIF", "TraubMiles",
    "frozen", "noisy", "events", "nonlinear", "silent", "counter",
]  # fmt: skip
SHAPES = [(1, 1), (1, 7), (3, 16), (2, 33), (5, 3, 4), (1, 64), (4, 8)]


def deviation(ours: Tensor, theirs: Tensor) -> float:
    """Largest difference relative to the largest magnitude, or to 1 where all are small."""
    assert ours.shape == theirs.shape
    if not ours.numel():
        return 0.0
    a, b = ours.detach().double(), theirs.detach().double()
    assert torch.isfinite(b).all()
    return float((a - b).abs().max() / b.abs().max().clamp(min=1))


def equal(case, dtype: torch.dtype) -> dict[str, Tensor]:
    """Both providers agree on values and gradients; returns the values of the reference."""
    (fast, fast_grad), (slow, slow_grad) = case.run(run_scan, dtype), case.run(reference.run_scan, dtype)
    if dtype == torch.float32:
        # A level within rounding of its threshold may fire in one provider only.
        assume(
            all(
                torch.equal(x, slow[n])
                for n, x in fast.items()
                if n.removeprefix("emitted:") in case.population.step(case.kicks).events
            )
        )
    tolerance = TOLERANCE[dtype] * (GROWTH.get(case.population.cell.name, 1) if dtype == torch.float32 else 1)
    for kind, ours, theirs in (("value", fast, slow), ("gradient", fast_grad, slow_grad)):
        assert ours.keys() == theirs.keys()
        for n in ours:
            assert ours[n].dtype == theirs[n].dtype
            assert deviation(ours[n], theirs[n]) < tolerance, f"{kind} of {n}"
    return slow


def test_every_ready_cell_is_tested(ready: dict) -> None:
    assert set(NAMES) == set(ready)


@pytest.mark.parametrize("name", NAMES)
def test_long_scan_in_double_precision(make_case: Callable, name: str) -> None:
    kicks = {"CurrentLIF": ("I",), "frozen": ("g",)}.get(name, ())
    values = equal(make_case(name, 150, (2, 11), per_cell=True, kicks=kicks), torch.float64)
    if "emitted:spike" in values:
        assert values["emitted:spike"].any(), "no spike: the test proves little"


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5, phases=PHASES)
@given(
    steps=st.sampled_from([0, 1, 2, 37]), shape=st.sampled_from(SHAPES), per_cell=st.booleans(),
    reset=st.sampled_from(["surrogate", "detached", "level"]), seed=st.integers(0, 99), dtype=st.sampled_from([torch.float32, torch.float64]),
    learn=st.sampled_from(["nothing", "streams", "states", "parameters", "everything"]),
)  # fmt: skip
def test_any_shape_and_choice_of_gradients(
    make_case: Callable, name: str, steps: int, shape: tuple[int, ...], per_cell: bool, reset: str, seed: int,
    dtype: torch.dtype, learn: str,
) -> None:  # fmt: skip
    case = make_case(name, steps, shape, seed=seed, per_cell=per_cell, reset=reset)
    cell = case.population.cell
    chosen = {"nothing": (), "streams": case.streams, "states": cell.system.states, "parameters": cell.parameters}
    equal(case.but(learn=tuple(chosen.get(learn, case.learn))), dtype)


@pytest.mark.parametrize(
    ("name", "kicks"),
    [
        ("LIF", ("v",)),
        ("CurrentLIF", ("I", "v")),
        ("frozen", ("g",)),
        ("frozen", ("v", "g")),
        ("events", ("w",)),
        ("HodgkinHuxley", ("v",)),
    ],
)
def test_kicks(make_case: Callable, name: str, kicks: tuple[str, ...]) -> None:
    equal(make_case(name, 60, (2, 9), kicks=kicks), torch.float64)


@pytest.mark.parametrize(
    "shape", ["ArcTan", "FastSigmoid", "Sigmoid", "Gaussian", "Triangle", "Boxcar", "StraightThrough"]
)
def test_surrogates(make_case: Callable, shape: str) -> None:
    case = make_case("ALIF", 40, (2, 9), surrogate=getattr(rv.surrogates, shape)())
    equal(case, torch.float64)
    assert case.run(run_scan, torch.float64)[1]["stream:x"].any()


class TestLayouts:
    """What may be broadcast, strided or shared gives the same numbers as the full array."""

    @pytest.mark.parametrize(
        "shape", [(1, 1, 1), (40, 1, 1), (1, 3, 1), (1, 1, 5), (40, 3, 1), (40, 1, 5), (1, 3, 5)], ids=str
    )  # fmt: skip
    @pytest.mark.parametrize("expanded", [False, True])
    def test_streams_that_are_broadcast(self, make_case: Callable, shape: tuple[int, ...], expanded: bool) -> None:
        case = make_case("LIF", 40, (3, 5))
        x = torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        equal(case.but(streams={"x": x.expand(40, 3, 5) if expanded else x}), torch.float64)

    @pytest.mark.parametrize("size", [16, 5, 1])
    @pytest.mark.parametrize(
        "layout", ["batch first", "every other step", "every other cell", "reversed features", "column"]
    )
    def test_streams_that_are_not_contiguous(self, make_case: Callable, layout: str, size: int) -> None:
        generator = torch.Generator().manual_seed(1)
        x = {
            "batch first": lambda: torch.rand(3, 40, size, generator=generator, dtype=torch.float64).transpose(0, 1),
            "every other step": lambda: torch.rand(80, 3, size, generator=generator, dtype=torch.float64)[::2],
            "every other cell": lambda: torch.rand(40, 3, 2 * size, generator=generator, dtype=torch.float64)[..., ::2],
            "reversed features": lambda: torch.rand(40, size, 3, generator=generator, dtype=torch.float64).transpose(
                1, 2
            ),
            "column": lambda: torch.rand(40, 3, 1, generator=generator, dtype=torch.float64).expand(40, 3, size),
        }[layout]()
        equal(make_case("LIF", 40, (3, size)).but(streams={"x": x}), torch.float64)

    def test_states_that_are_expanded(self, make_case: Callable) -> None:
        case = make_case("ALIF", 20, (4, 6))
        states = {n: v[:1, :1].clone().expand(4, 6) for n, v in case.states.items()}
        before = {n: v.clone() for n, v in states.items()}
        equal(case.but(states=states), torch.float64)
        assert all(torch.equal(states[n], before[n]) for n in states), "a scan must not write to the state it was given"

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_few_cells_over_many_steps_have_the_bits_of_whole_vectors(self, dtype: torch.dtype) -> None:
        steps, found = 20_003, []  # several times the steps of one copy
        x = 0.3 * torch.rand(steps, 1, 3, generator=torch.Generator().manual_seed(1), dtype=dtype)
        weight = torch.rand(steps, 1, 3, generator=torch.Generator().manual_seed(2), dtype=dtype)
        for copies in (1, 16):
            given = x.repeat(1, 1, copies).requires_grad_()
            out, state = rv.ALIF(3 * copies).layer(dt=1 * rv.units.ms, dtype=dtype)(given)
            end = state.variables["alif"]
            ((out[..., :3] * weight).sum() + sum(v[:, :3].sum() for v in end.values())).backward()
            found.append([out[..., :3], given.grad[..., :3], *(v[:, :3] for v in end.values())])
        assert found[0][0].mean() > 0.01
        assert all(torch.equal(few, many) for few, many in zip(*found, strict=True))

    def test_inputs_are_not_changed(self, make_case: Callable) -> None:
        case = make_case("frozen", 20, (2, 16), kicks=("g",))
        before = {n: x.clone() for n, x in (*case.streams.items(), *case.states.items())}
        case.run(run_scan, torch.float64)
        assert all(torch.equal(x, before[n]) for n, x in (*case.streams.items(), *case.states.items()))


class TestThreads:
    @pytest.mark.parametrize("name", ["ALIF", "noisy"])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_any_number_of_threads_gives_the_same_bits(
        self, make_case: Callable, name: str, dtype: torch.dtype
    ) -> None:
        case = make_case(name, 12, (3, 5003))
        before = torch.get_num_threads()
        try:
            results = []
            for threads in (1, 2, 3):
                torch.set_num_threads(threads)
                results.append(case.run(run_scan, dtype))
        finally:
            torch.set_num_threads(before)
        for values, grads in results[1:]:
            assert all(torch.equal(x, results[0][0][n]) for n, x in values.items())
            assert all(torch.equal(x, results[0][1][n]) for n, x in grads.items())


class TestSaving:
    """Only what the adjoint reads is kept."""

    def saved(self, make_case: Callable, name: str, learn: tuple[str, ...], **how: object) -> tuple[str, ...]:
        case = make_case(name, 3, (1, 4), learn=learn, **how)
        with mock.patch.object(kernels, "saved_values", wraps=kernels.saved_values) as spy:
            case.run(run_scan, torch.float64)
            return kernels.saved_values(*spy.call_args.args) if spy.called else ()

    def test_nothing_without_gradient(self, make_case: Callable) -> None:
        assert self.saved(make_case, "LIF", ()) == ()

    def test_a_linear_cell_keeps_nothing(self, make_case: Callable) -> None:
        assert self.saved(make_case, "LeakyReadout", ("x",)) == ()

    def test_learning_its_time_constant_needs_the_state_and_the_input(self, make_case: Callable) -> None:
        kept = self.saved(make_case, "LeakyReadout", ("tau",))
        assert set(kept) <= {"v", "x"}
        assert "v" in kept

    def test_a_spiking_cell_keeps_one_stream(self, make_case: Callable) -> None:
        assert len(self.saved(make_case, "LIF", ("x",))) == 1

    def test_parameters_cost_at_most_one_more(self, make_case: Callable) -> None:
        assert len(self.saved(make_case, "LIF", ("x", "tau", "V_th"))) <= 2

    def test_memory_of_a_lif_is_one_stream(self, make_case: Callable) -> None:
        """Bytes held for the backward pass, counted through autograd's own hooks."""
        case, held = make_case("LIF", 50, (1, 64), learn=("x",)).but(wanted=("spike",)), []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: held.append(t) or t, lambda t: t):
            task_run = case.run(run_scan, torch.float32)
        streams = [t for t in held if t.ndim and t.shape[0] == 50 and t.numel() == 50 * 64]
        assert task_run[1]["stream:x"].any()
        assert len(streams) <= 2  # one of the scan, one factor of the loss


def test_numbers_steps_and_sizes_compile_nothing_new(make_case: Callable) -> None:
    make_case("ALIF", 5, (1, 16)).run(run_scan, torch.float32)
    before = len(KERNELS.compiled)
    for steps, shape, per_cell in ((1, (1, 1), False), (9, (4, 31), True), (3, (2, 4, 4), True), (50, (3, 16), False)):
        make_case("ALIF", steps, shape, per_cell=per_cell, seed=steps).run(run_scan, torch.float32)
    assert len(KERNELS.compiled) == before


def test_a_second_derivative_is_refused(make_case: Callable) -> None:
    case = make_case("LIF", 3, (1, 4), learn=("x",))
    x = case.streams["x"].clone().requires_grad_()
    step = case.population.step(())
    coefficients = eager.coefficients(step, case.population.values(), 1.0)
    task = Scan(step, 3, (1, 4), torch.float64, {"x": x}, case.states, coefficients, ("spike",))
    with pytest.raises(ProviderError, match="reference"):
        torch.autograd.grad(run_scan(task).emitted["spike"].sum(), x, create_graph=True)


class TestMemory:
    """Autograd alone keeps the tensors of a scan: they go with the backward pass, and between checkpoints."""

    STEPS, CELLS = 64, 1 << 14

    def held(self, **how: object) -> tuple[int, int]:
        """Bytes of large blocks in use after a call and after its backward pass, while the output is alive."""
        net = rv.Sequential(torch.nn.Conv1d(1, 4, 1), rv.LIF((4, self.CELLS // 4)), dt=1 * ms)
        x = torch.rand(self.STEPS, 1, 1, self.CELLS // 4)
        gc.collect()
        before = buffer_stats().in_use
        out, state = net(x, **how)
        loss = out.sum()
        del out
        gc.collect()
        during = buffer_stats().in_use - before
        loss.backward()
        gc.collect()
        assert state.step == self.STEPS
        return during, buffer_stats().in_use - before

    def test_they_go_with_the_backward_pass(self) -> None:
        one = 4 * self.STEPS * self.CELLS
        during, after = self.held()
        assert during > 0.9 * one
        assert after < 0.1 * one

    def test_they_are_not_kept_between_checkpoints(self) -> None:
        during, _ = self.held(checkpoint=32)
        assert during < 0.2 * 4 * self.STEPS * self.CELLS
