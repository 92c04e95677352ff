"""How the web application is reached: its names, its secret key, whether TLS stands before it."""

import secrets
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_SHORTEST_KEY: Final = 32  # characters


class ServeError(ValueError):
    """One clear sentence about a way to serve that is not safe."""


class WebSettings(BaseSettings):
    """Every field is an environment variable AUDITOR_…"""

    model_config = SettingsConfigDict(env_prefix="AUDITOR_")

    secret_key: SecretStr | None = None
    secret_key_file: Path | None = None
    web_names: str = ""  # host names that browsers may use, with commas; loopback always may
    web_https: bool = False  # browsers reach it through TLS
    web_login: bool = True  # without it, whoever reaches the port is the one who started it; loopback only
    web_host: str = LOOPBACK[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The host names that a request may be addressed to."""
        return (*LOOPBACK, *(name.strip().lower() for name in self.web_names.split(",") if name.strip()))

    def secret(self) -> bytes:
        """The key that proves forms and cookies to be ours; a new one for each start where none is given.

        Raises ServeError where it is too short or its file cannot be read.
        """
        given = self.secret_key.get_secret_value() if self.secret_key else None
        if self.secret_key_file is not None:
            try:
                given = self.secret_key_file.read_text().strip()
            except (OSError, UnicodeDecodeError):
                raise ServeError(f"The secret key {self.secret_key_file} cannot be read.") from None
        if given is None:
            return secrets.token_bytes(32)
        if len(given) < _SHORTEST_KEY:
            raise ServeError(f"The secret key has fewer than {_SHORTEST_KEY} characters; make a random one.")
        return given.encode()

    @property
    def has_secret(self) -> bool:
        """Whether a key was given that outlives this start."""
        return self.secret_key is not None or self.secret_key_file is not None


def check_safe(settings: WebSettings) -> None:
    """Refuse to be reached from other machines without login, a secret key and TLS. Raises ServeError."""
    if settings.web_host in LOOPBACK:
        if not settings.web_login and (settings.web_https or len(settings.names) > len(LOOPBACK)):
            # behind a proxy, whoever reaches the proxy would be the one who started this
            raise ServeError("--no-login is for this machine alone: leave it out, or else --name and TLS.")
        return
    where = f"--host {settings.web_host} can be reached from other machines"
    if not settings.web_login:
        raise ServeError(f"{where}: leave --no-login out.")
    if not settings.has_secret:
        raise ServeError(f"{where}: set AUDITOR_SECRET_KEY_FILE to a file with 32 random characters or more.")
    if not settings.web_https:
        raise ServeError(
            f"{where}: passwords need TLS; give --tls-certificate and --tls-key, or --behind-tls behind a proxy."
        )
    if len(settings.names) == len(LOOPBACK):
        raise ServeError(f"{where}: say with --name under which host name browsers will ask for it.")
