from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib.errors import GiveUp
from chalicelib.handlers.addresses import is_public
from chalicelib.handlers.deadlines import TooSlow
from chalicelib.handlers.outbound import Client, Request, Unreachable
from chalicelib.handlers.targets import Target
from tests.fake_context import a_settings
from tests.local_http import LocalServer, answer, raw, redirect

PRIVATE = [
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.9",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "not an address",
]
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::"]


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer({"/": answer(b"hello")}) as server:
        yield server


def loopback_only(address: str) -> bool:
    """Lets tests have an outside that is on this machine: 127.0.0.1 is allowed, 127.0.0.2 is not."""
    return address == "127.0.0.1"


def get(client: Client, url: str, seconds: float = 5, headers: dict[str, str] | None = None) -> bytes:
    return send(client, Request(method="GET", target=Target.parse(url), headers=headers or {}), seconds)


def send(client: Client, request: Request, seconds: float = 5) -> bytes:
    with client.send(request, seconds=seconds) as response:
        return b"".join(response.chunks())


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_public_internet_is_told(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_public_internet_is_told(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "017700000001", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
def test_no_spelling_of_loopback_is_reached_unless_the_settings_allow_it(server: LocalServer, host: str) -> None:
    client = Client.within(a_settings(allow_private_addresses=False))

    with pytest.raises(GiveUp, match="not public"):
        get(client, server.url(host=host))
    assert server.seen == []


def test_the_settings_can_allow_loopback(server: LocalServer) -> None:
    assert get(Client.within(a_settings(allow_private_addresses=True)), server.url()) == b"hello"


def test_a_name_is_refused_when_any_of_its_addresses_is(server: LocalServer) -> None:
    client = Client(loopback_only, resolve=lambda host, port: ["127.0.0.1", "10.0.0.1"])

    with pytest.raises(GiveUp, match=r"both\.test has an address that is not public"):
        get(client, server.url(host="both.test"))
    assert server.seen == []


def test_a_name_is_resolved_once_so_that_it_cannot_change_its_mind(server: LocalServer) -> None:
    answers = iter([["127.0.0.1"]])
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    assert get(Client(loopback_only, resolve), server.url(host="rebinding.test")) == b"hello"
    assert asked == ["rebinding.test"]
    assert server.seen[0].headers["host"] == f"rebinding.test:{server.port}"


def test_a_redirect_to_a_private_address_is_refused(server: LocalServer) -> None:
    with LocalServer({"/": answer(b"secret")}, host="127.0.0.2") as inside:
        server.answers["/"] = redirect(inside.url())

        with pytest.raises(GiveUp, match=r"127\.0\.0\.2 has an address that is not public"):
            get(Client(loopback_only), server.url())
        assert inside.seen == []


def test_a_redirect_to_a_name_that_now_has_a_private_address_is_refused(server: LocalServer) -> None:
    server.answers["/"] = redirect("/again")
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])

    with pytest.raises(GiveUp, match=r"rebinding\.test has an address that is not public"):
        get(Client(loopback_only, lambda host, port: next(answers)), server.url(host="rebinding.test"))
    assert [seen.path for seen in server.seen] == ["/"]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://user:pw@127.0.0.1/"])
def test_a_redirect_out_of_the_web_is_refused(server: LocalServer, location: str) -> None:
    server.answers["/"] = redirect(location)

    with pytest.raises(GiveUp, match="redirects to where no request may go"):
        get(Client(loopback_only), server.url())


def test_redirects_end_after_five(server: LocalServer) -> None:
    server.answers["/"] = redirect("/?again")

    with pytest.raises(GiveUp, match="more than 5 redirects"):
        get(Client(loopback_only), server.url())
    assert len(server.seen) == 6


def test_headers_stay_with_their_origin(server: LocalServer) -> None:
    secrets = {"authorization": "Bearer x", "cookie": "a=b", "x-api-key": "y", "accept": "text/csv"}
    with LocalServer({"/": answer(b"other")}) as other:
        server.answers |= {"/": redirect("/same"), "/same": redirect(other.url())}

        assert get(Client(loopback_only), server.url(), headers=secrets) == b"other"
        assert secrets.items() <= server.seen[1].headers.items()
        assert other.seen[0].headers.keys() & secrets.keys() == {"accept"}


@pytest.mark.parametrize(
    ("status", "method", "body"), [(301, "GET", b""), (303, "GET", b""), (307, "POST", b"x"), (308, "POST", b"x")]
)
def test_a_redirect_keeps_method_and_body_only_if_its_status_says_so(
    server: LocalServer, status: int, method: str, body: bytes
) -> None:
    server.answers["/moved"] = redirect("/", status)

    send(Client(loopback_only), Request(method="POST", target=Target.parse(server.url("/moved")), body=b"x"))

    assert (server.seen[1].method, server.seen[1].body) == (method, body)


def test_a_body_that_drips_is_cut_at_the_deadline(server: LocalServer) -> None:
    server.answers["/"] = server.drip(b"HTTP/1.0 200 OK\r\n\r\n", b"x")

    with pytest.raises(TooSlow, match=r"no complete answer within 0\.2 s"):
        get(Client(loopback_only), server.url(), seconds=0.2)


def test_headers_that_drip_are_cut_at_the_deadline(server: LocalServer) -> None:
    server.answers["/"] = server.drip(b"HTTP/1.0 200 OK\r\nx-slow: ", b"x")

    with pytest.raises(TooSlow):
        get(Client(loopback_only), server.url(), seconds=0.2)


def test_a_server_that_says_nothing_is_left_at_the_deadline(server: LocalServer) -> None:
    server.answers["/"] = server.drip(b"", b"")

    with pytest.raises(TooSlow):
        get(Client(loopback_only), server.url(), seconds=0.2)


def test_a_body_that_ends_before_its_length_is_a_fault(server: LocalServer) -> None:
    server.answers["/"] = answer(b"only this", content_length="1000")

    with pytest.raises(Unreachable, match="IncompleteRead"):
        get(Client(loopback_only), server.url())


def test_a_chunked_body_that_ends_before_its_last_chunk_is_a_fault(server: LocalServer) -> None:
    server.answers["/"] = raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")

    with pytest.raises(Unreachable):
        get(Client(loopback_only), server.url())


def test_the_next_address_is_tried_when_the_first_is_closed(server: LocalServer) -> None:
    client = Client(lambda address: True, resolve=lambda host, port: ["127.0.0.9", "127.0.0.1"])

    assert get(client, server.url(host="two.test")) == b"hello"


def test_a_name_that_does_not_exist_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"http://nowhere\.invalid"):
        get(Client(is_public), "http://nowhere.invalid/?token=secret")


def test_proxies_in_the_environment_are_ignored(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.9:9")

    assert get(Client(loopback_only), server.url()) == b"hello"


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("https://example.com:443/a?b=c#d", "https://example.com/a?b=c"),
        ("http://[2001:db8::1]:8080/", "http://[2001:db8::1]:8080/"),
        ("http://bücher.example/ü?ü=%20", "http://xn--bcher-kva.example/%C3%BC?%C3%BC=%20"),
        ("http://example.com?q", "http://example.com/?q"),
    ],
)
def test_a_url_is_taken_apart_and_put_together(url: str, parsed: str) -> None:
    assert Target.parse(url).url == parsed


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "file:///x",
        "gopher://x/",
        "http://",
        "http://a:b@c/",
        "http://a b/",
        "http://a/\r\nx",
        "http://a:99999/",
        "http://a:0/",
    ],
)
def test_a_url_that_no_request_may_have_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|Port"):
        Target.parse(url)


def test_tls_is_verified_for_the_name_not_the_address(tmp_path: Path) -> None:
    server_side, client_side, asked = a_certificate(tmp_path, "right.test")
    with LocalServer({"/": answer(b"secure")}, tls=server_side) as server:
        client = Client(loopback_only, lambda host, port: ["127.0.0.1"], client_side)

        assert get(client, server.url(host="right.test", scheme="https")) == b"secure"
        with pytest.raises(Unreachable, match=r"certificate is not valid for 'wrong\.test'"):
            get(client, server.url(host="wrong.test", scheme="https"))
        assert asked == ["right.test", "wrong.test"]


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    server_side, _, _ = a_certificate(tmp_path, "right.test")
    with LocalServer({"/": answer(b"secure")}, tls=server_side) as server:
        client = Client(loopback_only, lambda host, port: ["127.0.0.1"])

        with pytest.raises(Unreachable, match="certificate verify failed"):
            get(client, server.url(host="right.test", scheme="https"))


def a_certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext, list[str | None]]:
    """A self-signed certificate: the server's context, a client's that trusts it, and the names clients ask for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(pem)
    asked: list[str | None] = []
    server_side.sni_callback = lambda connection, asked_name, context: asked.append(asked_name)
    return server_side, ssl.create_default_context(cafile=str(pem)), asked
