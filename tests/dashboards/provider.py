"""A small login provider: a real HTTP server on this machine that can be told to misbehave."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = "auditor"
CLIENT_SECRET = "client secret: with%signs"
CODE = "a-code"


class Provider:
    """What the server answers; a test changes it before logging in."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.claims: dict[str, Any] = {}  # added to those of the token, or in their place
        self.about: dict[str, Any] = {}  # the same of what it says of itself
        self.token: str | None = None  # instead of a token that is right
        self.status = 200
        self.body: bytes | None = None  # of every answer
        self.now = datetime.now().astimezone()
        self.challenge = self.nonce = ""
        self.asked: list[str] = []

    def logged_in(self, location: str) -> dict[str, str]:
        """What a browser brings back from the provider's login page at this address."""
        asked = {name: value[0] for name, value in parse_qs(urlsplit(location).query).items()}
        self.challenge, self.nonce = asked["code_challenge"], asked["nonce"]
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"]
        return {"code": CODE, "state": asked["state"], "iss": self.issuer}

    def signed(self, **claims: Any) -> str:
        return str(jwt.encode({"alg": "RS256", "kid": "one"}, self.right(**claims), self.key))

    def right(self, **claims: Any) -> dict[str, Any]:
        at = int(self.now.timestamp())
        about = {"iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": at, "exp": at + 300, "nonce": self.nonce}
        return {**about, "preferred_username": "viewer", **claims}

    def unsigned(self) -> str:
        return f"{_part({'alg': 'none'})}.{_part(self.right())}."

    def confused(self) -> str:
        """Signed with the public key, as if that were a secret that both know."""
        said = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(self.right())}"
        return f"{said}.{_base64(hmac.digest(self.key.as_pem(private=False), said.encode(), 'sha256'))}"

    def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        if path == "/.well-known/openid-configuration":
            addresses = {"authorization_endpoint": "/login", "token_endpoint": "/token", "jwks_uri": "/keys"}
            return 200, {"issuer": self.issuer, **{k: self.issuer + v for k, v in addresses.items()}, **self.about}
        if path == "/keys":
            return 200, {"keys": [self.key.as_dict(private=False)]}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proved = _base64(digest) == self.challenge
        if authorization:
            name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            known = (unquote(name), unquote(secret)) == (CLIENT, CLIENT_SECRET)
        else:
            known = (form.get("client_id"), form.get("client_secret")) == (CLIENT, CLIENT_SECRET)
        if path != "/token" or not proved or not known or form.get("code") != CODE:
            return 400, {"error": "invalid_grant"}
        token = self.token if self.token is not None else self.signed(**self.claims)
        return 200, {"access_token": "an-access-token", "token_type": "Bearer", "id_token": token}


def _part(content: dict[str, Any]) -> str:
    return _base64(json.dumps(content).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@contextmanager
def served() -> Iterator[Provider]:
    """A provider, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply({})

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"])).decode()
            self.reply({name: value[0] for name, value in parse_qs(sent).items()})

        def reply(self, form: dict[str, str]) -> None:
            provider.asked.append(self.path)
            status, told = provider.answer(self.path, form, self.headers.get("authorization", ""))
            body = provider.body if provider.body is not None else json.dumps(told).encode()
            self.send_response(provider.status if provider.status != 200 else status)
            self.send_header("content-type", "application/json")
            if provider.status == 302:
                self.send_header("location", "/elsewhere")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield provider
    server.shutdown()
    server.server_close()
