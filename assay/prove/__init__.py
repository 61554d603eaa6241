"""Who tests the tests: runs the suite against seeded defects and says which share of them it catches."""
