"""What runs around kernels: threads and how they meet, memory, lists of calls, and what a kernel may be given."""

__all__: list[str] = []
