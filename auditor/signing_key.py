"""The key that signs for a workspace (Ed25519): kept outside of it, its public half in the ledger."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class SigningError(ValueError):
    """One clear sentence about a signing key that cannot be used."""


@dataclass(frozen=True)
class SigningKey:
    """A private key. `id` is the fingerprint of its public half, which everybody may know."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        return fingerprint(self.public)

    def sign(self, text: str) -> str:
        """The signature of a text, in hexadecimal digits."""
        return self.private.sign(text.encode()).hex()


def fingerprint(public: bytes) -> str:
    """A short name of a public key: the first 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:32]


def holds(public: str, text: str, signature: str) -> bool:
    """Whether the signature (hex) of a text was made with the private half of `public` (hex).

    >>> key = SigningKey(Ed25519PrivateKey.generate())
    >>> holds(key.public.hex(), "seen", key.sign("seen")), holds(key.public.hex(), "unseen", key.sign("seen"))
    (True, False)
    """
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def make_key(file: Path) -> SigningKey:
    """A new key in a new file that its owner alone can read. Raises SigningError where the file exists."""
    key = Ed25519PrivateKey.generate()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # O_EXCL and the mode at creation: no key is ever replaced, and at no moment can another user read it
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SigningError(f"There is a signing key in {file} already; move it away first.") from None
    except OSError as error:
        raise SigningError(f"The signing key cannot be written to {file}: {error.strerror}.") from None
    with os.fdopen(handle, "w") as out:
        out.write(key.private_bytes_raw().hex() + "\n")
    return SigningKey(key)


def read_key(file: Path) -> SigningKey:
    """The key in a file. Raises SigningError with what to do where there is none."""
    try:
        return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file.read_text().strip())))
    except FileNotFoundError:
        raise SigningError(
            f"The signing key {file} is missing: restore it from its back-up, or make a new one with "
            "'auditor anchor --new-key' (later signatures are then another key's)."
        ) from None
    except (OSError, ValueError):
        raise SigningError(f"The signing key {file} cannot be read; restore it from its back-up.") from None
