"""Addresses of servers, without the user and the password in them."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gcg_bench.errors import BadOption


@dataclass(frozen=True, slots=True)
class Location:
    """The address of a server without anything that is secret.

    Attributes:
        url: scheme, host, port and path, e.g. `http://localhost:8000/v1`.
        user: user and password of the address, if any; for requests only.
    """

    url: str
    user: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine."""
        host = urlsplit(self.url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")


def location(address: str) -> Location:
    """The location of an address `http://HOST:PORT[/PATH]`; the path is `/v1` by default.

    Raises:
        BadOption: the address is not the address of a server.
    """
    remedy = "Give http://HOST:PORT or https://HOST/v1"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:  # the text of the error may quote a password
        raise BadOption(f"not the address of a server. {remedy}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise BadOption(f"not the address of a server. {remedy}")
    if parts.query or parts.fragment:
        raise BadOption(f"the address of a server has no `?` and no `#`. {remedy}")
    name = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/") or "/v1"
    url = f"{parts.scheme}://{name}{'' if port is None else f':{port}'}{path}"
    user = None if parts.username is None else (parts.username, parts.password or "")
    return Location(url, user)
