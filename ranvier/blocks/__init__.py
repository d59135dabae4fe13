"""Parts of deep networks from the literature, to be put into ``rv.Sequential``: each builds the ordinary graph."""

from ranvier.blocks._ms import ms
from ranvier.blocks._psn import PSN
from ranvier.blocks._sew import sew
from ranvier.blocks._spikformer import spikformer, spiking_stem
from ranvier.blocks._unet import unet
from ranvier.blocks._vgg import vgg

__all__ = ["PSN", "ms", "sew", "spikformer", "spiking_stem", "unet", "vgg"]
