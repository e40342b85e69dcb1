"""All job types: importing this package registers them. A new module of handlers is added to the list below."""

from chalicelib.handlers import examples
from chalicelib.handlers.registry import registry

__all__ = ["examples", "registry"]
