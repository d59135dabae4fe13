"""Tutorial 4: cells with a synaptic current, and with an alpha function."""

from ranvier.compat.snntorch import Alpha, Synaptic
from ranvier.units import ms


def signals(given):
    synaptic = Synaptic(alpha=0.9, beta=0.8).layer(dt=1 * ms).observe(given["periodic"], record=["spikes", "i", "v"])
    alpha = Alpha(alpha=0.8, beta=0.7, threshold=0.5).layer(dt=1 * ms).observe(given["bursts"], record=["spikes", "v"])
    return {**synaptic, "spikes_alpha": alpha["spikes"], "v_alpha": alpha["v"]}
