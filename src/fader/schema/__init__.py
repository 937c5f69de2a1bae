"""What people write: `fader.yaml` to nouns of the model, with every mistake named by file, line and fix."""

from fader.schema.document import Document, load_document

__all__ = ["Document", "load_document"]
