"""Schemathesis as one source of requests: its cases travel as every request does and are judged by the oracle first.

One way through the package: ``source`` (what Schemathesis generates for an operation and phase) -> ``translate``
(a case becomes a Request, an Answer a Schemathesis response) -> ``fitting`` (ids that exist, names of this run,
nothing that could touch a stranger) -> ``case_sender`` (expectation, both sets of checks) -> ``example_search``
(Hypothesis, seeded and bounded). ``machine`` is the stateful phase, ``campaign`` what the tests call;
``schemathesis_internals`` gathers what is private to Schemathesis.
"""
