"""Spike-timing-dependent plasticity of four inputs onto three integrate-and-fire cells."""

import torch

import ranvier as rv
from ranvier.units import ms

# a spike of either end raises its trace; every step changes the weight by both, and then sends it
RULE = rv.Plasticity(
    "x' = x : 1\ny' = y : 1\npre' = pre : 1\npost' = post : 1\nnow' = now : 1",
    on_pre="now = 1",
    on_post="post = 1",
    every_step="""
    x = x - x/tau + pre; y = y - y/tau + post
    w = clip(w + lr*clip(w, -1, 1)*(x*post - y*pre), -1, 1)
    sent = w*now; pre = now; now = 0; post = 0
    """,
    tau=2.0,
    lr=0.01,
)


def signals(given):
    net = rv.Network(dt=1 * ms)
    net.input("inputs", 4)
    net.population("cells", 3, rv.compat.spikingjelly.IFNode(), output=True)
    net.connect("inputs", "cells", rv.AllToAll(), weight=given["w"].T.flatten(), plasticity=RULE, name="synapses")
    x = torch.cat([given["x"], torch.zeros(2, 1, 4)])  # arrivals and changes follow one step later
    seen = net.observe(x, record={"cells": ["spikes"], "synapses": ["w", "x", "y"]})
    w, x, y = (seen["synapses"][name][2:].unflatten(2, (4, 3)) for name in ("w", "x", "y"))
    return {"spikes": seen["cells"]["spikes"][1:-1], "w": w.mT, "x": x[..., 0], "y": y[:, :, 0]}
