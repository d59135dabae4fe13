"""Plastic synapses inside the loop of a circuit."""

__all__: list[str] = []
