"""fader in an app: flags evaluated in the process. Standard library and xxhash alone."""

from fader.model.evaluation import Evaluation
from fader.sdk.client import Client
from fader.sdk.memory import MemoryClient

__all__ = ["Client", "Evaluation", "MemoryClient"]
