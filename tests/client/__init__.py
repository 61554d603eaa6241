"""Tests of the target layer, against small servers on loopback that misbehave on purpose."""
