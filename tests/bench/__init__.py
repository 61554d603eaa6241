"""Measurements of the project's own speed: `make bench`. A module with a function `figures` takes part."""
