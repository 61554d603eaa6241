"""The embedded control plane: a reference implementation of the six operations."""
