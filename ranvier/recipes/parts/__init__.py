"""What recipes are made of: systems, tasks, baselines, statistics, and the pages they write."""

__all__: list[str] = []
