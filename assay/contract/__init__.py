"""What is promised: documents, corrections, rules, oracle, strategies. Pure: no I/O beyond reading its files."""
