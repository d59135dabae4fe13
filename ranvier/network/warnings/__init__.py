"""Sentences about networks that run, but probably not as they were meant."""

__all__: list[str] = []
