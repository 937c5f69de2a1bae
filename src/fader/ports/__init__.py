"""What fader needs from outside, as protocols. Each has an in-memory twin and one contract suite."""
