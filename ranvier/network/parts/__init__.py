"""The parts of a network: populations, projections and how they are connected."""

__all__: list[str] = []
