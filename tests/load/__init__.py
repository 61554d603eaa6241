"""Tests of the load half."""
