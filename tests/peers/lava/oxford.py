"""Two layers of current-based cells learn to answer random spikes with a pattern of spikes (Loihi's numbers)."""

import torch

import ranvier as rv
from ranvier.units import ms


def network(inputs, hidden, outputs):
    def layer(before, after):  # spikes arrive one step later, through weights of 8 bits
        dense = rv.Linear(before, after, bias=False, delay=1 * ms, storage=rv.storages.Int8(scale=1 / 32))
        return dense, rv.compat.lava.CUBA(threshold=0.1, current_decay=1.0, voltage_decay=0.1)

    return rv.Sequential(*layer(inputs, hidden), *layer(hidden, outputs), dt=1 * ms)


def signals(given):
    net = network(30, 20, 15)
    with torch.no_grad():
        for k, weight in enumerate(given["weights"].values(), 1):
            net[f"linear{k}"].weight.copy_(weight)
    seen = net.observe(given["x"], record={"cuba1": ["v_before"], "cuba2": ["v_before", "spikes"]})
    distance = rv.losses.VanRossum(tau=2 * ms, order=2)(seen["cuba2"]["spikes"], given["y"])
    (2 * 15 * distance).backward()  # theirs is a sum over cells and steps
    one = rv.compat.lava.CUBA(threshold=0.5, current_decay=0.25, voltage_decay=0.03)
    alone = one.layer(dt=1 * ms).observe(given["current"], record=["v_before", "spikes"])
    return {
        "v1": seen["cuba1"]["v_before"],
        "v2": seen["cuba2"]["v_before"],
        "spikes": seen["cuba2"]["spikes"],
        **{f"gradient_{k}": net[f"linear{k}"].weight.grad for k in (1, 2)},
        "v_of_a_current": alone["v_before"],
        "spikes_of_a_current": alone["spikes"],
    }


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net, loss = network(samples.x.shape[2], 128, samples.y.shape[2]), rv.losses.VanRossum(tau=2 * ms, order=2)
    how = {"lr": 1e-3, "seed": seed, "progress": False}
    fit = rv.train(net, samples[:2], samples[2:], epochs=epochs, loss=loss, restore_best=False, **how)
    return fit.history[-1].valid.loss
