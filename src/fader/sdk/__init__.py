"""fader in an app: flags evaluated in the process, and what users did. Standard library and xxhash alone."""

from typing import TYPE_CHECKING, Any

from fader.model.evaluation import Evaluation
from fader.sdk.asgi import AsgiMiddleware
from fader.sdk.asking import asking
from fader.sdk.client import Client
from fader.sdk.django import DjangoMiddleware
from fader.sdk.memory import MemoryClient
from fader.sdk.tracker import Tracker
from fader.sdk.wsgi import WsgiMiddleware

if TYPE_CHECKING:
    from fader.sdk.openfeature import FaderProvider as FaderProvider

#: Without FaderProvider, so that `import *` works without the extra.
__all__ = [
    "AsgiMiddleware",
    "Client",
    "DjangoMiddleware",
    "Evaluation",
    "MemoryClient",
    "Tracker",
    "WsgiMiddleware",
    "asking",
]


def __getattr__(name: str) -> Any:
    """FaderProvider, when it is asked for: most apps need no OpenFeature, and need not load it."""
    if name != "FaderProvider":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from fader.sdk.openfeature import FaderProvider
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "openfeature":
            raise
        raise ImportError(
            "FaderProvider needs the SDK of OpenFeature; type: pip install 'fader[openfeature]'"
        ) from None
    return FaderProvider
