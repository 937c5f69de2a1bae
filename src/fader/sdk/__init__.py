"""fader in an app: flags evaluated in the process, and what users did. Standard library and xxhash alone."""

from fader.model.evaluation import Evaluation
from fader.sdk.client import Client
from fader.sdk.memory import MemoryClient
from fader.sdk.tracker import Tracker

__all__ = ["Client", "Evaluation", "MemoryClient", "Tracker"]
