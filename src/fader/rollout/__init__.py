"""The brain: pure functions from what is known to what is done. No clock, no I/O."""
