"""All job types: importing this package registers them. A new module of handlers is added to the import and to ``__all__``."""

from chalicelib.handlers import csv_summary, examples, http_request
from chalicelib.handlers.registry import registry

__all__ = ["csv_summary", "examples", "http_request", "registry"]
