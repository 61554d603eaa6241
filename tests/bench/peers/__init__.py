"""What other tools catch of the same seeded defects, by the same counting rule, beside `assay gate`."""
