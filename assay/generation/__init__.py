"""Hypothesis strategies: dense valid specs, targeted violations, boundaries, combinations."""
