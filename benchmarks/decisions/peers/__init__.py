"""How other tools decide, written anew from their documentation and their sources, with their default numbers."""
