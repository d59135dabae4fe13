"""Simulation benches: whole circuits, run phase only."""
