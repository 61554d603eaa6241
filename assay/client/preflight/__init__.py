"""Can this target be tested at all? Step by step, each in plain words with what to do."""
