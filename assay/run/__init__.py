"""Conducts a run: the target, the parts as child processes, clean-up on every exit path, verdict and reports."""
