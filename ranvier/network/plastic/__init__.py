"""Plastic projections: rules bound to cells, synapses step by step and as rows of a circuit."""

__all__: list[str] = []
