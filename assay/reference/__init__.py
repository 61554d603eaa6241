"""The embedded control plane: a complete reference implementation of the six inference operations.

Requests flow one way: ``protocol`` (bytes) -> ``app`` (ASGI) -> ``identity`` -> ``operations`` or ``auxiliary`` ->
``validation`` -> ``store``, whose records ``lifecycle``, ``scaling`` and ``metrics`` read by the clock. Everything in
which one control plane may lawfully differ from another, or be broken on purpose, hangs on ``behaviour``.
"""
