"""Plastic synapses inside a circuit."""

__all__: list[str] = []
