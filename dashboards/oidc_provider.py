"""A hospital's own login (OpenID Connect): its addresses and keys, and what its tokens prove.

Everything that the provider says is untrusted until its signature and claims have been checked; answers have a
size and a time limit, and no redirect is followed.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlencode, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet

#: Signatures by a key pair only: a token "signed" with a public key as if it were a shared secret is none.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_KEY_TYPES: Final = ("RSA", "EC", "OKP")
_TIMEOUT: Final = httpx.Timeout(5.0)
_PATIENCE: Final = 15.0  # seconds for a whole answer
_LARGEST: Final = 256 * 1024  # bytes of an answer
_FRESH: Final = timedelta(minutes=10)  # how long addresses and keys are believed
_CLOCKS: Final = 60  # seconds that the provider's clock may be off


class OidcError(ValueError):
    """One clear sentence about a login through the provider that did not succeed."""


@dataclass(frozen=True)
class OidcSettings:
    """The provider and how this application is known to it."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    claim: str  # which claim names the account

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Self | None":
        """The provider that AUDITOR_OIDC_… names; None where it names none. Raises OidcError."""
        issuer = environment.get("AUDITOR_OIDC_ISSUER", "").strip()
        if not issuer:
            return None
        if not is_safe(issuer):
            raise OidcError("AUDITOR_OIDC_ISSUER must be an https address; http is for this machine alone.")
        client = environment.get("AUDITOR_OIDC_CLIENT_ID", "").strip()
        file = environment.get("AUDITOR_OIDC_CLIENT_SECRET_FILE", "").strip()
        if not client or not file:
            raise OidcError(
                "AUDITOR_OIDC_ISSUER needs AUDITOR_OIDC_CLIENT_ID and AUDITOR_OIDC_CLIENT_SECRET_FILE."
            )
        try:
            secret = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            raise OidcError(
                f"The client's secret {file} (AUDITOR_OIDC_CLIENT_SECRET_FILE) cannot be read."
            ) from None
        if not secret:
            raise OidcError(f"The client's secret {file} (AUDITOR_OIDC_CLIENT_SECRET_FILE) is empty.")
        claim = environment.get("AUDITOR_OIDC_CLAIM", "").strip() or "preferred_username"
        return cls(issuer, client, secret, claim)


@dataclass(frozen=True)
class Proof:
    """What a login that was begun must come back with."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class _Known:
    """The provider's addresses and keys, and when they were read."""

    about: Mapping[str, Any]
    keys: KeySet
    at: datetime


class Provider:
    """One provider; what it says of itself is read when first needed, and again after a while."""

    def __init__(self, settings: OidcSettings) -> None:
        self.settings = settings
        self._known: _Known | None = None
        self._reading = threading.Lock()

    def address(self, proof: Proof, back: str, at: datetime) -> str:
        """Where the browser goes to log in. Raises OidcError where the provider cannot be reached."""
        known = self._look_up(at)
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": back,
            "scope": "openid profile email",
            "state": proof.state,
            "nonce": proof.nonce,
            "code_challenge": create_s256_code_challenge(proof.verifier),
            "code_challenge_method": "S256",
        }
        address: str = known.about["authorization_endpoint"]
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"

    def account(self, code: str, proof: Proof, back: str, at: datetime) -> str:
        """The name of the account that the provider vouches for. Raises OidcError."""
        known = self._look_up(at)
        told = _json(lambda: self._asked_for_tokens(known.about, code, proof.verifier, back))
        token, access = told.get("id_token"), told.get("access_token")
        if not isinstance(token, str):
            raise OidcError("The login provider gave no identity token; check that the client may use 'openid'.")
        claims = self._checked(token, access if isinstance(access, str) else "", proof.nonce, at)
        name = claims.get(self.settings.claim)
        if self.settings.claim == "email" and claims.get("email_verified") is not True:
            raise OidcError("The login provider has not verified your mail address; it cannot name an account.")
        if not isinstance(name, str) or not name.strip():
            raise OidcError(f"The login provider's token names no account: it has no claim {self.settings.claim}.")
        return name

    def _checked(self, token: str, access: str, nonce: str, at: datetime) -> Mapping[str, Any]:
        """The claims of an identity token of this provider, for this application, for this login, of now."""
        try:
            try:
                found = jwt.decode(token, self._look_up(at).keys, algorithms=ALGORITHMS)
            except InvalidKeyIdError:  # the provider has new keys
                found = jwt.decode(token, self._look_up(at, anew=True).keys, algorithms=ALGORITHMS)
            client = self.settings.client_id
            claims = CodeIDToken(
                found.claims,
                found.header,
                options={
                    "iss": {"essential": True, "value": self.settings.issuer},
                    "aud": {"essential": True, "value": client},
                },
                params={"nonce": nonce, "client_id": client, "access_token": access},
            )
            claims.validate(now=int(at.timestamp()), leeway=_CLOCKS)
        except OidcError:
            raise
        except (JoseError, ValueError, TypeError, KeyError):  # never what the token holds
            raise OidcError("The login provider's token could not be verified; log in again.") from None
        return dict(claims)

    def _asked_for_tokens(self, about: Mapping[str, Any], code: str, verifier: str, back: str) -> httpx.Request:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        methods = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        name, secret = self.settings.client_id, self.settings.client_secret
        request = httpx.Request("POST", about["token_endpoint"], data=form)
        if "client_secret_basic" in methods:
            basic = httpx.BasicAuth(quote(name, safe=""), quote(secret, safe=""))
            return next(basic.auth_flow(request))
        more = {"client_id": name, "client_secret": secret}
        return httpx.Request("POST", about["token_endpoint"], data=form | more)

    def _look_up(self, at: datetime, anew: bool = False) -> _Known:
        with self._reading:
            age = _FRESH if self._known is None else abs(at - self._known.at)
            # a token with a made-up key must not make this ask the provider again and again
            if self._known is not None and age < (timedelta(seconds=30) if anew else _FRESH):
                return self._known
            self._known = self._read(at)
            return self._known

    def _read(self, at: datetime) -> _Known:
        issuer = self.settings.issuer
        about = _json(lambda: httpx.Request("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
        if about.get("issuer") != issuer:
            raise OidcError("The login provider calls itself by another name than AUDITOR_OIDC_ISSUER says.")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(about.get(name), str) or not is_safe(about[name]):
                raise OidcError(f"The login provider's {name} is no https address.")
        told = _json(lambda: httpx.Request("GET", about["jwks_uri"]))
        return _Known(about, _keys(told), at)


def is_safe(address: str) -> bool:
    """Whether an address is one that nobody between can read: https, or this machine.

    >>> is_safe("https://login.example.org"), is_safe("http://127.0.0.1:8080"), is_safe("http://login.example.org")
    (True, True, False)
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in ("127.0.0.1", "localhost", "::1"))


def _keys(told: Mapping[str, Any]) -> KeySet:
    """The public keys that sign; others, and any that cannot be read, are left out."""
    found = []
    listed = told.get("keys")
    for one in listed if isinstance(listed, list) else []:
        if not isinstance(one, dict) or one.get("kty") not in _KEY_TYPES or one.get("use", "sig") != "sig":
            continue
        try:
            found.append(JWKRegistry.import_key(one))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    if not found:
        raise OidcError("The login provider shows no key that signs its tokens.")
    return KeySet(found)


def _json(make: Callable[[], httpx.Request]) -> Mapping[str, Any]:
    """A JSON object from the provider. Raises OidcError; nothing of a foreign answer is quoted."""
    try:
        request = make()
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=False) as client:
            status, content = _read_whole(client, request)
        told = json.loads(content) if status == 200 else None
    except OidcError:
        raise
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        raise OidcError("The login provider cannot be reached; try again or log in with your password.") from None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise OidcError("The login provider refused the request or gave no readable answer; try again.")
    return told


def _read_whole(client: httpx.Client, request: httpx.Request) -> tuple[int, bytes]:
    """Status and body, within limits of size and of time: a slow drip would hold a thread for ever."""
    end = time.monotonic() + _PATIENCE
    request.headers["accept"] = "application/json"
    response = client.send(request, stream=True)
    try:
        content = b""
        for part in response.iter_bytes():
            content += part
            if len(content) > _LARGEST or time.monotonic() > end:
                raise OidcError("The login provider's answer is too large or too slow.")
        return response.status_code, content
    finally:
        response.close()
