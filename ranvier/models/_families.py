"""The files of models, one for each family."""

from __future__ import annotations

__all__ = ["FAMILIES"]

FAMILIES = (
    "_ems",
    "_lif_memory",
    "_lmuformer",
    "_ms",
    "_plain_conv",
    "_sew",
    "_sparse_cnn",
    "_spike_driven",
    "_spike_point",
    "_spikegpt",
    "_spikformer",
    "_unet",
    "_vgg",
)
