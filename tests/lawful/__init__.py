"""No false alarms: the gate passes on every lawful control plane."""
