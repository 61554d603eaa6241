"""The rule catalogue: constraints that only the prose of the document states."""
