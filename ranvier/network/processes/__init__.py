"""A network that several processes run together: who has which synapses, what they exchange, and what they refuse."""

__all__: list[str] = []
