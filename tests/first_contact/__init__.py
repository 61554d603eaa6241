"""First contact: on any network, with any identity, after any mistake, the verdict is right.

Each row of the tables (``test_*.py``) is an environment in which a user may meet a target: servers on loopback
between them and the control plane, settings, files, variables. ``environment.py`` says what a row states,
``running.py`` how it is run; the servers are in ``relay.py``, ``proxies.py``, ``gateways.py`` and ``providers.py``.
"""
