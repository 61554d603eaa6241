"""Judges one exchange (or a history of them) against the expectation and the contract."""
