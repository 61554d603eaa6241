"""No false alarms: the gate passes on every conforming control plane."""
