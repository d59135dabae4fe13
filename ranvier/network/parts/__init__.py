"""What a network is made of: populations, projections and how they are connected."""

__all__: list[str] = []
