"""The frame around kernels: threads and their barrier, memory, lists of calls, and checked arguments."""

__all__: list[str] = []
