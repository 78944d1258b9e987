"""The webhooks as a WSGI application: store, answer, open.

    POST /TOKEN/rockblock   /TOKEN/cloudloop   /TOKEN/tts   /TOKEN/chirpstack

(without TOKEN where none is configured). 200: it is on the disk, or there was nothing of a unit in
it. 400, 413, 415: it is no such webhook, said in one line. 403: not signed. 404: another path, or
another token. 503: the disk or the database refused; the carrier tries again. Nothing else.
"""

import hmac
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import falcon

from trapnode.errors import ProtocolError, StoreError
from trapnode.receive.database import Database
from trapnode.receive.deliveries import MAX_BODY, PARSERS, Carrier, Delivery
from trapnode.receive.inbox import Inbox
from trapnode.receive.opening import Opening
from trapnode.receive.signature import NotSigned, check
from trapnode.receive.units import Desk

__all__ = ["application"]

log = logging.getLogger(__name__)

RETRY_S = 60


def application(
    database: Database,
    desk: Callable[[], Desk],
    now: Callable[[], datetime],
) -> "falcon.App[Any, Any]":
    """Make the application; `desk` gives the units as they are known now."""
    app = falcon.App(media_type=falcon.MEDIA_TEXT)
    app.req_options.auto_parse_form_urlencoded = False
    app.req_options.strip_url_path_trailing_slash = True
    hook = _Webhook(database, desk, now)
    app.add_route("/{first}", hook, suffix="open")
    app.add_route("/{first}/{second}", hook)
    app.add_error_handler(ProtocolError, _bad_request)
    app.add_error_handler(StoreError, _unavailable)
    app.set_error_serializer(_one_line)
    return app


class _Webhook:
    """All four carriers' door."""

    def __init__(
        self, database: Database, desk: Callable[[], Desk], now: Callable[[], datetime]
    ) -> None:
        self._desk = desk
        self._now = now
        self._inbox = Inbox(database)
        self._opening = Opening(database)

    def on_post_open(self, req: falcon.Request, resp: falcon.Response, first: str) -> None:
        """Take a webhook at /CARRIER, where no token is configured."""
        self.on_post(req, resp, "", first)

    def on_post(self, req: falcon.Request, resp: falcon.Response, first: str, second: str) -> None:
        """Take a webhook at /TOKEN/CARRIER."""
        desk = self._desk()
        known = hmac.compare_digest(first.encode("utf-8", "replace"), desk.token.encode())
        if not known or second not in set(Carrier):
            raise falcon.HTTPNotFound
        carrier = Carrier(second)
        delivery = self._read(req, carrier)
        if delivery is None:
            resp.text = "nothing of a unit in it\n"
            return
        if carrier is Carrier.ROCKBLOCK and desk.rockblock.public_key:
            check(delivery, desk.rockblock.public_key)
        resp.text = self._take(delivery, desk)

    def _read(self, req: falcon.Request, carrier: Carrier) -> Delivery | None:
        kind = (req.content_type or "").partition(";")[0].strip().lower()
        parse = PARSERS.get((carrier, kind))
        if parse is None:
            kinds = " or ".join(each for of, each in PARSERS if of is carrier)
            raise falcon.HTTPUnsupportedMediaType(title=f"content type {kind!a}: {kinds}")
        body = req.bounded_stream.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise falcon.HTTPContentTooLarge(title=f"body: at most {MAX_BODY} bytes")
        if carrier is Carrier.CHIRPSTACK and req.get_param("event", default="up") != "up":
            return None
        return parse(body)

    def _take(self, delivery: Delivery, desk: Desk) -> str:
        unit = desk.of_modem(delivery.modem)
        now = self._now()
        arrival = self._inbox.take(delivery, unit.name if unit else None, now)
        if arrival is None:
            return "had it\n"
        try:
            self._opening.open(self._inbox.one(arrival), desk, now)
        except StoreError as error:  # It is safe, and tried again with the next start.
            log.warning("%s: stored, not opened yet: %s", delivery.modem, error)
        return "stored\n"


def _bad_request(
    req: falcon.Request, resp: falcon.Response, error: ProtocolError, params: Mapping[str, Any]
) -> None:
    log.warning("%s refused: %s", req.path.rpartition("/")[2], error)
    kind = falcon.HTTPForbidden if isinstance(error, NotSigned) else falcon.HTTPBadRequest
    raise kind(title=str(error))


def _unavailable(
    req: falcon.Request, resp: falcon.Response, error: StoreError, params: Mapping[str, Any]
) -> None:
    log.error("%s", error)
    raise falcon.HTTPServiceUnavailable(title="not stored, try again", retry_after=RETRY_S)


def _one_line(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    resp.content_type = falcon.MEDIA_TEXT
    resp.text = f"{error.title}\n"
