"""Parts of deep networks from the literature, to be put into ``rv.Sequential``: each builds the ordinary graph."""

from ranvier.blocks._dragon_hatchling import dragon_hatchling
from ranvier.blocks._ems import ems
from ranvier.blocks._float_products import float_products
from ranvier.blocks._leaky_memory import leaky_memory
from ranvier.blocks._lif_memory import legendre_matrices, lif_memory
from ranvier.blocks._lmu import causal_conv, lmu, lmuformer
from ranvier.blocks._ms import ms
from ranvier.blocks._product import FloatProducts, Product
from ranvier.blocks._psn import PSN
from ranvier.blocks._rwkv import channel_mixing, rwkv, time_mixing, token_shift
from ranvier.blocks._sew import sew
from ranvier.blocks._slow_fast import SlowFast
from ranvier.blocks._spike_convolutions import spike_convolutions
from ranvier.blocks._spike_driven import spike_attention, spike_driven
from ranvier.blocks._spike_point import spike_point
from ranvier.blocks._spikformer import spikformer, spiking_stem
from ranvier.blocks._synchrony import synchrony
from ranvier.blocks._unet import unet
from ranvier.blocks._vgg import vgg

__all__ = [
    "PSN",
    "FloatProducts",
    "Product",
    "SlowFast",
    "causal_conv",
    "channel_mixing",
    "dragon_hatchling",
    "ems",
    "float_products",
    "leaky_memory",
    "legendre_matrices",
    "lif_memory",
    "lmu",
    "lmuformer",
    "ms",
    "rwkv",
    "sew",
    "spike_attention",
    "spike_convolutions",
    "spike_driven",
    "spike_point",
    "spikformer",
    "spiking_stem",
    "synchrony",
    "time_mixing",
    "token_shift",
    "unet",
    "vgg",
]
