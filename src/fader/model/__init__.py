"""The nouns of fader: frozen dataclasses, standard library only, no I/O."""
