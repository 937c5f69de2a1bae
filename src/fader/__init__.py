"""fader: every release on a fader instead of a switch."""

__version__ = "0.1.0"
