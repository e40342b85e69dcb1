"""A URL, taken apart once: what is checked is what is connected to."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin, urlsplit

import msgspec

PORTS = {"http": 80, "https": 443}
UNSAFE = re.compile(r"[\x00-\x20\x7f]")
KEPT = "/%:@!$&'()*+,;=-._~?[]"  # characters that a path or query may have as they are


class Target(msgspec.Struct, frozen=True):
    """host: as DNS wants it, without brackets. path: with the query."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Target:
        """Raises ValueError, in words for the person who wrote the URL."""
        if UNSAFE.search(url):
            raise ValueError("a URL has no spaces or control characters")
        parts = urlsplit(url)
        if parts.scheme not in PORTS:
            raise ValueError("a URL begins with http:// or https://")
        if "@" in parts.netloc:
            raise ValueError("a URL must not carry a user name or password; send a header")
        if parts.port == 0:
            raise ValueError("a URL's port is 1 to 65535")
        query = f"?{parts.query}" if parts.query else ""
        path = quote((parts.path or "/") + query, safe=KEPT)
        return cls(parts.scheme, _dns_name(parts.hostname), parts.port or PORTS[parts.scheme], path)

    def join(self, location: str) -> Target:
        """Where a redirect leads. Raises ValueError."""
        return Target.parse(urljoin(self.url, location))

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    def __str__(self) -> str:
        """For messages: without the query, where tokens may be."""
        return self.url.partition("?")[0]


def _dns_name(host: str | None) -> str:
    if not host:
        raise ValueError("a URL names a host")
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        raise ValueError(f"{host!r} is no host name") from None
