"""Schemathesis as one source of requests: its cases travel the probe's way and are judged by the oracle first.

One way through the package: ``source`` (what Schemathesis generates for an operation and phase) -> ``translate``
(a case becomes a Request, an Answer a Schemathesis response) -> ``fitting`` (ids that exist, names of this run,
nothing that could touch a stranger) -> ``sender`` (expectation, probe, both sets of checks) -> ``hunt`` (Hypothesis,
seeded and bounded). ``machine`` is the stateful phase, ``campaign`` what the tests call.
"""
