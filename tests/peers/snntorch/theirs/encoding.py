"""Tutorial 1 with snnTorch."""

from snntorch import spikegen


def signals(given):
    x = given["images"]
    timing = {"threshold": 0.01, "tau": 5, "clip": True}
    return {
        "rate": spikegen.rate(given["drawings"], num_steps=10),
        "latency": spikegen.latency(x, num_steps=100, **timing),
        "latency_linear": spikegen.latency(x, num_steps=6, linear=True, **timing),
        "latency_normalized": spikegen.latency(x, num_steps=100, normalize=True, linear=True, **timing),
        "on": spikegen.delta(given["series"], threshold=4),
        "on_off": spikegen.delta(given["series"], threshold=4, off_spike=True),
    }
