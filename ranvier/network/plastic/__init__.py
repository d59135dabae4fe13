"""Plastic projections: rules bound to cells, synapses step by step and as rows of a compiled loop."""

__all__: list[str] = []
