"""Keys for one purpose each, made from the instance secret.

The secret itself stays in the hub and the gateways; who needs to seal one kind of thing is given the key for that kind,
from which neither the secret nor another key follows. 16 bytes of counter-mode KBKDF with HMAC-SHA-256.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

__all__ = ["CURSOR_LABEL", "ENVIRONMENT_LABEL", "UPLOAD_LABEL", "derive_key"]

KEY_BYTES: Final = 16
CURSOR_LABEL: Final = b"pagination cursor"
ENVIRONMENT_LABEL: Final = b"environment variable"
UPLOAD_LABEL: Final = b"file upload"


def derive_key(secret: bytes, label: bytes) -> bytes:
    """Return the key for the purpose that ``label`` names."""
    derivation = KBKDFHMAC(
        algorithm=hashes.SHA256(),
        mode=Mode.CounterMode,
        length=KEY_BYTES,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=label,
        context=b"",
        fixed=None,
    )
    return derivation.derive(secret)
