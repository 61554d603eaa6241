"""The embedded control plane: a complete reference implementation of the six inference operations.

Requests flow one way: ``uvicorn_private`` (bytes) -> ``app`` (ASGI) -> ``identity`` -> ``handlers`` or ``auxiliary``
-> ``validation`` -> ``store``, whose records ``lifecycle``, ``scaling`` and ``metrics`` read by the clock. Everything
in which a control plane may differ from another and conform, or be broken on purpose, hangs on ``behaviour``.
"""
