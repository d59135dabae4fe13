"""State is a value: a pytree that can be detached, moved, copied, and handed to any network of the same form."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils import _pytree

import ranvier as rv
from ranvier.units import Hz, ms


@pytest.fixture
def made(build: Callable, spikes: Callable) -> tuple[rv.Network, rv.State]:
    net = build("recurrent delays")
    return net, net(spikes(6), net.initial_state(2, stream=5))[1]


def equal(first: rv.State, second: rv.State) -> bool:
    a, b = first.tensors(), second.tensors()
    return (first.step, first.stream, list(a)) == (second.step, second.stream, list(b)) and all(
        torch.equal(a[n], b[n]) for n in a
    )


def test_it_says_where_it_is(made: tuple) -> None:
    _, state = made
    assert (state.step, state.stream) == (6, 5)
    assert state.variables["lif1"]["v"].shape == (2, 9)
    assert state.history["input"].shape == (2, 2, 12)
    assert state.history["lif1"].shape[0] == 5, "the longest latency: 4 ms, and one step for the way round"


def test_pytree_round_trip(made: tuple) -> None:
    _, state = made
    leaves, form = _pytree.tree_flatten(state)
    assert all(isinstance(leaf, torch.Tensor) for leaf in leaves)
    assert equal(_pytree.tree_unflatten(leaves, form), state)
    doubled = _pytree.tree_map(lambda t: 2 * t, state)
    assert torch.equal(doubled.variables["lif1"]["v"], 2 * state.variables["lif1"]["v"])
    assert doubled.step == state.step


def test_detach_clone_and_to(made: tuple) -> None:
    _, state = made
    assert state.variables["lif1"]["v"].requires_grad
    assert not any(t.requires_grad for t in state.detach().tensors().values())
    copied = state.clone()
    assert equal(copied, state)
    assert not {t.data_ptr() for t in copied.tensors().values()} & {t.data_ptr() for t in state.tensors().values()}
    assert all(t.dtype == torch.float32 for t in state.to(torch.float32).tensors().values())


LATE = 36_000_000  # an hour in steps of 0.1 ms: float32 is off by up to 0.125 ms there


def timed(dtype: torch.dtype) -> tuple[rv.Network, rv.State]:
    """A network whose synapses hold the time of their last spike, and its state after an hour."""
    net = rv.Network(dt=0.1 * ms, seed=1, dtype=dtype)
    net.source("in", rv.Poisson(200 * Hz, 20))
    net.population("out", 5, rv.LIF(tau=10 * ms))
    rule = rv.Plasticity(
        "last' = last : ms", on_pre="w += 0.01*where(t - last < 4.95*ms, 1, 0); last = t", last=-1 * ms
    )
    net.connect("in", "out", rv.AllToAll(), weight=0.25, plasticity=rule, name="learnt")
    start = replace(net.initial_state(1, stream=1), step=LATE)
    return net, net.run(20 * ms, start).state


def test_the_dtype_that_a_state_has_changes_nothing(tmp_path: Path) -> None:
    """Times of synapses are float64 in a network of float32, also where the whole state is converted to float32."""
    net, state = timed(torch.float32)
    rv.save_state(state, tmp_path / "state.safetensors")
    back = rv.load_state(tmp_path / "state.safetensors").to(torch.float32)
    for same in (state.to(torch.float32), state.to("cpu", torch.float32), state.with_tensors(back.tensors())):
        found = same.tensors()
        for n, value in state.tensors().items():
            torch.testing.assert_close(found[n], value, rtol=0, atol=0)
        assert equal(net.run(20 * ms, same).state, net.run(20 * ms, state).state)


def test_a_network_of_float32_takes_exact_times_from_one_of_float64() -> None:
    wide, narrow = timed(torch.float64)[1], timed(torch.float32)
    with pytest.raises(rv.errors.StateError, match=r"call state\.to\(torch\.float32\)"):
        narrow[0].run(20 * ms, wide)
    after, expected = (narrow[0].run(20 * ms, s).state.synapses["learnt"] for s in (wide.to(torch.float32), narrow[1]))
    assert torch.equal(after["last"], expected["last"])
    torch.testing.assert_close(after["w"], expected["w"], rtol=0, atol=1e-6)  # a pair that is missed changes it by 0.01


def test_a_call_does_not_touch_the_state_it_was_given(made: tuple, spikes: Callable) -> None:
    net, state = made
    before = state.clone()
    net(spikes(4), state)
    with torch.no_grad():
        net(spikes(4), state)
    assert equal(state, before)


def test_without_a_state_calls_are_independent(build: Callable, spikes: Callable, kind: str) -> None:
    """No hidden buffer survives a call: the same input and stream give the same output."""
    net, x = build(kind), spikes(10)
    first = net(x, stream=0)[0]
    net(spikes(10, seed=1))
    assert torch.equal(net(x, stream=0)[0], first)


def test_a_state_serves_a_copy_of_the_network(made: tuple, build: Callable, spikes: Callable) -> None:
    net, state = made
    assert torch.equal(build("recurrent delays")(spikes(5), state)[0], net(spikes(5), state)[0])
    assert torch.equal(copy.deepcopy(net)(spikes(5), state)[0], net(spikes(5), state)[0])


def test_deepcopy_is_independent(build: Callable, spikes: Callable, kind: str) -> None:
    net = build(kind)
    net(spikes(3))
    twin = copy.deepcopy(net)
    with torch.no_grad():
        for p in twin.parameters():
            p.add_(1)
    fresh = build(kind)
    for (_, ours), (_, theirs) in zip(net.named_parameters(), fresh.named_parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_state_dict_round_trip(build: Callable, spikes: Callable, kind: str) -> None:
    net, other = build(kind), build(kind)
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(0.3)
    missing = other.load_state_dict(net.state_dict())
    assert not missing.missing_keys
    assert not missing.unexpected_keys
    state = net.initial_state(2, stream=0)
    assert torch.equal(other(spikes(12), state)[0], net(spikes(12), state)[0])


def test_state_dict_survives_plain_torch_saving(build: Callable, tmp_path) -> None:
    net = build("recurrent delays")
    torch.save(net.state_dict(), tmp_path / "net.pt")
    build("recurrent delays").load_state_dict(torch.load(tmp_path / "net.pt", weights_only=True))


def test_double_and_float_move_everything(build: Callable, spikes: Callable) -> None:
    net = build("recurrent", dtype=torch.float32)
    assert net(spikes(4, dtype=torch.float32))[0].dtype == torch.float32
    net.double()
    assert net.dtype == torch.float64
    out, state = net(spikes(4))
    assert out.dtype == torch.float64
    assert all(t.dtype == torch.float64 for t in state.tensors().values())
    expected = build("recurrent", dtype=torch.float64)(spikes(4))[0]
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-6)


def test_inputs_of_any_number_type_are_taken(build: Callable, spikes: Callable) -> None:
    net, x = build("feed-forward"), spikes(5)
    expected = net(x)[0]
    for other in (x.bool(), x.to(torch.uint8), x.to(torch.int64), x.float(), x.numpy()):
        assert torch.equal(net(other)[0], expected)


def test_initial_values_follow_the_seed() -> None:
    def start(seed: int, name: str = "cells", dtype: torch.dtype = torch.float64) -> torch.Tensor:
        net = rv.Network(dt=1 * ms, seed=seed, dtype=dtype)
        net.population(name, 2000, rv.LIF(), v=rv.Normal(0.5, 0.1))
        return net.initial_state(2, stream=0).variables[name]["v"]

    v = start(1)
    assert v.shape == (2, 2000)
    assert torch.equal(v, start(1))
    assert torch.equal(v.float(), start(1, dtype=torch.float32))
    assert not torch.equal(v, start(2))
    assert not torch.equal(v, start(1, name="others"))
    assert float(v.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(v.std()) == pytest.approx(0.1, abs=0.01)


def test_shapes_of_inputs_tell_those_of_parts_without_a_size() -> None:
    net = rv.Sequential(rv.Conv2d(2, 3, 3), rv.LIF(), torch.nn.AvgPool2d(2), rv.LIF(), dt=1 * ms)
    state = net.initial_state(4, shapes={"input": (2, 10, 10)})
    assert {n: own["v"].shape for n, own in state.variables.items()} == {"lif1": (4, 3, 8, 8), "lif2": (4, 3, 4, 4)}
    given = net.initial_state(4, shapes={"lif1": (3, 8, 8), "lif2": (3, 4, 4), "input": (2, 10, 10)})
    assert {n: t.shape for n, t in given.tensors().items()} == {n: t.shape for n, t in state.tensors().items()}
    with pytest.raises(rv.errors.ShapeError, match="unknown: give it one"):
        net.initial_state(4)


def test_it_knows_the_step_length(made: tuple, tmp_path) -> None:
    _, state = made
    leaves, form = _pytree.tree_flatten(state)
    rv.save_state(state, tmp_path / "state.safetensors")
    kept = (
        state,
        state.detach(),
        state.clone(),
        state.to(torch.float32),
        state.map(torch.clone),
        _pytree.tree_unflatten(leaves, form),
        rv.load_state(tmp_path / "state.safetensors"),
    )
    assert [s.dt for s in kept] == [1.0] * len(kept)


def test_a_state_of_another_step_length_is_refused() -> None:
    def network(dt: float) -> rv.Network:
        net = rv.Network(dt=dt * ms)
        net.population("cells", 3, rv.CurrentLIF())
        return net

    state = network(0.1).run(1 * ms).state
    with pytest.raises(rv.errors.StateError, match=r"made with dt=0\.1 ms, the network has dt=0\.05 ms"):
        network(0.05).run(1 * ms, state)
    assert network(0.1).run(1 * ms, state).state.step == 20
    unknown = rv.State(state.step, state.variables, state.history, state.synapses, state.stream)
    assert network(0.1).run(1 * ms, unknown).state.dt == 0.1, "a state of an earlier version learns it"


def test_a_file_with_a_broken_step_length_is_refused(made: tuple, tmp_path) -> None:
    path = tmp_path / "state.safetensors"
    rv.save_state(made[1], path)
    path.write_bytes(path.read_bytes().replace(b'"dt":"1.0"', b'"dt":"nan"'))
    with pytest.raises(rv.errors.FileFormatError, match="its dt is 'nan'"):
        rv.load_state(path)
    rv.save_state(replace(made[1], dt=None), path)
    assert rv.load_state(path).dt is None


def test_the_step_of_a_network_cannot_change() -> None:
    net = rv.Network(dt=0.1 * ms)
    with pytest.raises(
        rv.network.GraphError, match=r"dt=0\.05: the step of a network cannot change.*0\.1 ms.*another network"
    ):
        net.dt = 0.05
    assert net.dt == 0.1
    assert copy.deepcopy(net).dt == 0.1


ODD: dict[str, tuple[str, Callable[[rv.State], rv.State]]] = {
    "a list for a variable": (
        r"out\.v of the state is list: it must be a tensor",
        lambda s: replace(s, variables={"out": {"v": s.variables["out"]["v"].tolist()}}),
    ),
    "an array for a variable": (
        r"out\.v of the state is ndarray: it must be a tensor",
        lambda s: replace(s, variables={"out": {"v": s.variables["out"]["v"].detach().numpy()}}),
    ),
    "a number for a variable of synapses": (
        r"learnt\.last of the state is float: it must be a tensor",
        lambda s: replace(s, synapses={"learnt": {**s.synapses["learnt"], "last": 0.0}}),
    ),
    "an array for a history": (
        r"the history of 'in' in the state is ndarray: it must be a tensor",
        lambda s: replace(s, history={n: h.numpy() for n, h in s.history.items()}),
    ),
    "nothing for a history": (
        r"the history of 'in' in the state is NoneType: it must be a tensor",
        lambda s: replace(s, history=dict.fromkeys(s.history)),
    ),
    "a tensor for all variables of a population": (
        r"the state of 'out' is Tensor: it must be a mapping by name",
        lambda s: replace(s, variables={"out": s.variables["out"]["v"]}),
    ),
    "nothing for all synapses": (
        r"synapses of the state is NoneType: it must be a mapping by name",
        lambda s: replace(s, synapses=None),
    ),
    "a list of variables": (
        r"variables of the state is list: it must be a mapping by name",
        lambda s: replace(s, variables=[*s.variables.values()]),
    ),
    "a text for the step length": (r"dt='0.1' of the state must be a number of ms", lambda s: replace(s, dt="0.1")),
}


@pytest.mark.parametrize("name", ODD)
def test_what_holds_no_tensors_is_named(name: str, tmp_path: Path) -> None:
    net, state = timed(torch.float32)
    said, changed = ODD[name]
    with pytest.raises(rv.errors.StateError, match=said):
        net.run(1 * ms, changed(state))
    with pytest.raises(rv.errors.StateError, match=said):
        rv.save_state(changed(state), tmp_path / "state.safetensors")
    assert not list(tmp_path.iterdir())
