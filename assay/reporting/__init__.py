"""One writer a file; writers read the verdict and the journal, never the runner."""
