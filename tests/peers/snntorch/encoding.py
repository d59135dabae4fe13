"""Tutorial 1: images and a series as spikes, by rate, latency and change."""

import ranvier as rv


def signals(given):
    x = given["images"]
    up, down = rv.encoding.delta(given["series"], 4, start=0.0, against="previous").clamp(max=1).unbind(-1)
    return {
        "rate": rv.encoding.bernoulli(given["drawings"], 10),
        "latency": rv.encoding.latency(x, 100, threshold=0.01, tau=5),
        "latency_linear": rv.encoding.latency(x, 6, threshold=0.01),
        "latency_normalized": rv.encoding.latency(x, 100, threshold=0.01),
        "on": up,
        "on_off": up - down,
    }
