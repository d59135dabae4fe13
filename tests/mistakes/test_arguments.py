"""A number where names or shapes are wanted, and arrays where tensors are: each works or names the argument."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError, RanvierWarning
from ranvier.units import ms

X = torch.rand(6, 3, 4, generator=torch.Generator().manual_seed(0))


def network() -> rv.Sequential:
    return rv.Sequential(rv.Linear(4, 5), rv.LIF(5), rv.Linear(5, 2), rv.LeakyReadout(2), dt=1 * ms)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda net: net.summary(shapes=3), r"shapes=3 must name inputs: write shapes=\{'input': \(28, 28\)\}"),
        (lambda net: net.summary(shapes={"x": 3}), "shapes names 'x', which is no input; the inputs are input"),
        (lambda net: net.summary(shapes={"inputt": 4}), "Did you mean 'input'"),
        (lambda net: net.summary(shapes={"input": 2.5}), r"shapes\['input'\]: size=2.5 must be a positive number"),
        (lambda net: net.plan(shapes=3), "shapes=3 must name inputs"),
        (lambda net: net.plan(shapes={"x": (3,)}), "shapes names 'x'"),
        (lambda net: net.plan(dense_inputs=3), r"dense_inputs=3 must be a list of names, such as \['input'\]"),
        (lambda net: net.plan(dense_inputs="input"), "dense_inputs='input' must be a list"),
        (lambda net: net.plan(dense_inputs=["lif1"]), "dense_inputs names 'lif1', which is no input"),
        (lambda net: net.initial_state(2, shapes=3), "shapes=3 must name inputs"),
        (lambda net: net.initial_state("a"), "batch='a' must be a whole number"),
        (lambda net: net.initial_state(0), "batch=0 must be at least 1"),
        (lambda net: rv.LIF(4).layer(dt=1 * ms, to=3), "to=3 must be the name of a port, or a list of names: lif has x, v"),
        (lambda net: rv.LIF(4).layer(dt=1 * ms).observe(X, record=3), "record=3 must be a list of names"),
        (lambda net: rv.Relay(2.5), "Relay: size=2.5 must be a positive number"),
        (lambda net: rv.regularizers.SpikeCost(0.1, populations=3), r"populations=3 must be a list, such as \['lif1'\]"),
        (lambda net: rv.losses.Tasks({"a": rv.losses.SpikeCount()}, weights=3), "weights=3 must be a mapping by task"),
        (lambda net: rv.shrink_steps(net, (X, X), steps=3, epochs=1), "steps=3 must be positive whole numbers that fall"),
        (lambda net: rv.fold_norms(3), "fold_norms takes a network, got int"),
        (lambda net: rv.save(net, 3), "3 is not a path"),
    ],
)  # fmt: skip
def test_the_error_names_the_argument(ask: Callable[[rv.Sequential], object], words: str) -> None:
    with pytest.raises(RanvierError, match=words):
        ask(network())


def test_a_number_is_a_row_of_so_many() -> None:
    net = rv.Sequential(rv.LIF(), rv.Linear(4, 5), rv.LIF(), dt=1 * ms)
    assert str(net.summary(shapes={"input": 4})) == str(net.summary(shapes={"input": (4,)}))


def test_a_step_takes_what_a_call_takes() -> None:
    net = network()
    expected = net.step(X[0])[0]
    assert torch.equal(net.step(X[0].numpy())[0], expected)
    assert torch.equal(net.step({"input": X[0]})[0], expected)
    assert torch.equal(net.step(np.asarray(X[0]), net.initial_state(3))[0], expected)
    layer = rv.Layer(
        rv.Cell("v' = 0.5*v + a + b : 1\na : 1 (input)\nb : 1 (input)", threshold="v > 1"), dt=1 * ms, to=["a", "b"]
    )
    out, state = layer.step({"a": X[0], "b": X[1]})
    assert torch.equal(layer.step({"a": X[2], "b": X[3]}, state)[0], layer({"a": X[2:3], "b": X[3:4]}, state)[0][0])
    assert torch.equal(out, layer({"a": X[:1], "b": X[1:2]})[0][0])


def test_observe_beside_a_forward_of_its_own() -> None:
    """A forward that observes is no mistake; a call from outside, which leaves it out, is warned of."""

    class Doubled(rv.Sequential):
        def forward(
            self, x: torch.Tensor, state: rv.State | None = None, **how: object
        ) -> tuple[torch.Tensor, rv.State]:
            return super().forward(2 * x, state, **how)

    class Seen(rv.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
            return self.observe(x, record={"lif1": ["v"]})["lif1"]["v"]

    doubled = Doubled(rv.Linear(4, 5), rv.LIF(5), dt=1 * ms)
    with pytest.warns(RanvierWarning, match="observe runs the parts of a Doubled .* not its own forward"):
        doubled.observe(X, record={"lif1": ["v"]})
    assert Seen(rv.Linear(4, 5), rv.LIF(5), dt=1 * ms)(X).shape == (6, 3, 5)


def test_parts_made_in_inference_mode(tmp_path: Path) -> None:
    """They compute; to learn, a copy made outside is needed, and a state from inside is taken as it is."""
    import copy

    with torch.inference_mode():
        net = network()
        inside, state = net(X)
    with torch.no_grad():
        assert torch.equal(net(X)[0], inside)
    for ask in (lambda: net(X), lambda: rv.train(net, (X, torch.zeros(6, dtype=torch.long)), epochs=1, progress=False)):
        with pytest.raises(RanvierError, match=r"made inside torch\.inference_mode.*net = copy\.deepcopy\(net\)"):
            ask()
    again = copy.deepcopy(net)
    assert torch.equal(again(X)[0], inside)
    again(X, state)[0].sum().backward()
    assert all(q.grad is not None for q in again.parameters())
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(X)[0], inside)
