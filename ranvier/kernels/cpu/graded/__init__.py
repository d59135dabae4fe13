"""Synapses that bring something in every step, inside a circuit."""

__all__: list[str] = []
