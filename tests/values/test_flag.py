"""Yes or no: words and numbers are neither."""

from __future__ import annotations

import numpy as np
import pytest

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms, um
from ranvier.values import flag


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_flags(value: bool) -> None:
    assert flag(value, "grad") is bool(value)


def network() -> rv.Network:
    net = rv.Network(dt=1 * ms)
    net.population("cells", 4, rv.LIF())
    return net


@pytest.mark.parametrize("value", ["no", "yes", "", None, 1, 0, [True]])
@pytest.mark.parametrize(
    ("use", "name"),
    [
        (lambda x: network().run(1 * ms, grad=x), "grad"),
        (lambda x: network().run(1 * ms, progress=x), "progress"),
        (lambda x: network().connect("cells", "cells", rv.AllToAll(), progress=x), "progress"),
        (lambda x: network().population("more", 4, rv.LIF(), output=x), "output"),
        (lambda x: rv.AllToAll(autapses=x), "autapses"),
        (lambda x: rv.FixedProbability(0.1, autapses=x), "autapses"),
        (lambda x: rv.FixedInDegree(2, autapses=x), "autapses"),
        (lambda x: rv.FixedOutDegree(2, multapses=x), "multapses"),
        (lambda x: rv.FixedTotal(2, multapses=x), "multapses"),
        (lambda x: rv.Clustered(2, p_in=0.1, p_out=0.1, autapses=x), "autapses"),
        (lambda x: rv.Blocks([[0.1]], [0, 0], autapses=x), "autapses"),
        (lambda x: rv.DistanceDependent(rv.profiles.Box(1, 1 * um), autapses=x), "autapses"),
        (lambda x: rv.Grid((2, 2), 1 * um, periodic=x), "periodic"),
        (lambda x: rv.RandomPositions(1 * um, periodic=x), "periodic"),
        (lambda x: rv.Learn(1.0, each=x), "each"),
        (lambda x: rv.plasticity.Rewiring(0.1, 0.2, autapses=x), "autapses"),
    ],
)
def test_what_is_no_flag_is_told(use, name: str, value: object) -> None:
    with pytest.raises(RanvierError, match=f"{name}=.*neither True nor False"):
        use(value)
