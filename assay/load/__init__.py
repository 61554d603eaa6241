"""How load is measured: arrivals, recorder, service level objectives."""
