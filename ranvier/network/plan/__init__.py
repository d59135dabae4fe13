"""Plans: what runs each part of a network, and why."""

__all__: list[str] = []
