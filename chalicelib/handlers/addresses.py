"""Which addresses a handler may reach: the public internet, and nothing that is ours.

Told by what is allowed, not by what is known to be dangerous: ``is_global`` alone lets multicast, site-local and translated
addresses through.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

GLOBAL_UNICAST = IPv6Network("2000::/3")  # all that IANA has given out (RFC 4291)
TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64 (RFC 6052): the last 32 bits are an IPv4 address
UNLISTED = (
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments
    IPv4Network("192.88.99.0/24"),  # the former 6to4 relays
    IPv4Network("168.63.129.16/32"),  # Azure's metadata, on a public-looking address
)


def is_public(text: str) -> bool:
    """text: an address as ``getaddrinfo`` gives it. Unreadable ones are not public."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return _is_public_4(address) if isinstance(address, IPv4Address) else _is_public_6(address)


def _is_public_4(address: IPv4Address) -> bool:
    return address.is_global and not address.is_multicast and not any(address in network for network in UNLISTED)


def _is_public_6(address: IPv6Address) -> bool:
    inner = _embedded(address)
    if inner is not None:
        return _is_public_4(inner)
    return address in GLOBAL_UNICAST and address.is_global


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to this one end up at: mapped, 6to4 or NAT64."""
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
