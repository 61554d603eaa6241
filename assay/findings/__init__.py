"""What was observed: findings, their class, waivers, the journal of a run and its verdict."""
