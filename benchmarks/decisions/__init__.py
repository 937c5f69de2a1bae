"""The same simulated users, through fader's decisions and through those of other tools."""
