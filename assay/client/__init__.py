"""How the target is reached: settings, identity, client, budget, ledger."""
