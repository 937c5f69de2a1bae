"""The figures of the design, measured again with fader's own functions; a miss is an error."""
