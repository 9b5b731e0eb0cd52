"""The HTTP routes: what other systems send here."""

from __future__ import annotations

from rtdb import HttpRouter

from .sync import sync_to_symfony

http = HttpRouter()
http.route(path="/sync", method="POST", handler=sync_to_symfony)
