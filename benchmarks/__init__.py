"""Benchmarks: Ranvier beside its peers, one interleaved series per question. See `benchmarks/README.md`."""
