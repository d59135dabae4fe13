"""What is chosen when a network or a population is made cannot be assigned later, where nobody would read it."""

from __future__ import annotations

import copy
import pickle

import pytest

import ranvier as rv
from ranvier.network import GraphError
from ranvier.network.fixed import fixed
from ranvier.units import ms

OTHER = {"surrogate": rv.surrogates.ArcTan(alpha=7.0), "reset_gradient": "detached"}


class Owner:
    word = fixed("Write another.")

    def __init__(self, word: str) -> None:
        self.word = word


def test_it_is_assigned_once() -> None:
    one, other = Owner("a"), Owner("b")
    for owner, word in ((one, "a"), (other, "b"), (copy.deepcopy(one), "a"), (pickle.loads(pickle.dumps(other)), "b")):
        with pytest.raises(
            GraphError, match=r"word='c' cannot be assigned to a Owner after it is made.*Write another\."
        ):
            owner.word = "c"
        assert owner.word == word


@pytest.mark.parametrize("name", OTHER)
def test_networks_and_populations_keep_what_they_were_made_with(name: str) -> None:
    cell = rv.LIF(4, tau=10 * ms)
    net = rv.Sequential(rv.Linear(3, 4), cell, dt=1 * ms, surrogate=rv.surrogates.ArcTan(alpha=3.0))
    for owner in (net, net.lif1, copy.deepcopy(net), copy.deepcopy(net).lif1, net[:]):
        before = getattr(owner, name)
        with pytest.raises(GraphError, match=f"{name}=.*{name}= to the"):
            setattr(owner, name, OTHER[name])
        assert getattr(owner, name) is before or getattr(owner, name) == before
