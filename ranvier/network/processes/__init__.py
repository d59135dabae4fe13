"""A network that several processes run together: their synapses, their messages, and the requests they refuse."""

__all__: list[str] = []
