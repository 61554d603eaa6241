"""assay: contract and load testing for the NVIDIA Run:ai Inferences API."""

__version__ = "0.1.0"
