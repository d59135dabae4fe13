"""States as values: made, checked, carried on."""

__all__: list[str] = []
