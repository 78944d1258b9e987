"""Whether a RockBLOCK webhook was signed by who it says: a JWT, RS256, Ground Control's key.

Their token repeats the webhook's fields as claims, each as text. With a key configured, a webhook
needs a good token whose `imei` is the body's, and no claim may differ from the body. Its time
does not count: a webhook that is tried again for hours is as true as it was, and one that somebody
replays is the same row. The messages have a seal of their own: this keeps strangers from the disk.
"""

from collections.abc import Mapping

import jwt
from jwt.algorithms import RSAAlgorithm
from jwt.types import Options

from trapnode.errors import ConfigError, ProtocolError
from trapnode.receive.deliveries import Delivery

__all__ = ["NotSigned", "check", "check_key"]

NO_TIMES: Options = {
    "verify_iat": False,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_aud": False,
}


class NotSigned(ProtocolError):
    """Not of who it says."""


def check_key(public_key: str) -> None:
    """Raise ConfigError for what is no public key in PEM; empty: nothing is checked with it."""
    if not public_key:
        return
    try:
        RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key(public_key)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise ConfigError(f"rockblock.public_key: no RSA key in PEM: {error}") from error


def check(delivery: Delivery, public_key: str) -> None:
    """Check a delivery's token with a public key in PEM; raise NotSigned."""
    if not delivery.signature:
        raise NotSigned("JWT: there is none")
    try:
        claims = jwt.decode(delivery.signature, public_key, algorithms=["RS256"], options=NO_TIMES)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise NotSigned(f"JWT: {str(error)[:200]}") from error
    _compare(claims, delivery)


def _compare(claims: Mapping[str, object], delivery: Delivery) -> None:
    if str(claims.get("imei")) != delivery.modem:
        raise NotSigned("JWT: is of another imei than the webhook")
    if str(claims.get("momsn", delivery.number)) != str(delivery.number):
        raise NotSigned("JWT: is of another momsn than the webhook")
    said = "".join(str(claims.get("data", delivery.payload.hex())).split()).lower()
    if said != delivery.payload.hex():
        raise NotSigned("JWT: is of other data than the webhook")
