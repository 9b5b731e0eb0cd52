"""Counters of one gateway, as Prometheus reads them.

Gateways share a port, so a scrape reaches one of them; the label ``process`` tells which, and the sums are the
scraper's.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

__all__ = ["GatewayMetrics"]


class GatewayMetrics:
    """What a gateway counts. A registry of its own, so that two gateways may live in one test."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        process = {"process": str(os.getpid())}

        def counter(name: str, text: str) -> Counter:
            return Counter(f"rtdb_gateway_{name}", text, ["process"], registry=self._registry).labels(**process)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"rtdb_gateway_{name}", text, ["process"], registry=self._registry).labels(**process)

        self._responses = Counter(
            "rtdb_gateway_http_responses", "HTTP answers by status", ["process", "status"], registry=self._registry
        )
        self._process = process["process"]
        self._by_status: dict[int, Counter] = {}
        self.http_requests = gauge("http_requests", "HTTP requests under way")
        self.sessions = gauge("sessions", "Open sync sessions")
        self.calls = counter("calls", "Function calls sent to the hub")
        self.rounds = counter("rounds", "Rounds of changed query results received")
        self.messages_received = counter("messages_received", "Sync messages received from clients")
        self.advances = counter("advances", "Sessions looked at because a round or a block concerned them")
        self.sends_blocked = counter("sends_blocked", "Sync messages that found a full socket and had to wait")
        self.connections_refused = counter("connections_refused", "Connections refused at a limit")

    def count_response(self, status: int) -> None:
        """Count an HTTP answer."""
        child = self._by_status.get(status)
        if child is None:
            child = self._by_status[status] = self._responses.labels(self._process, str(status))
        child.inc()

    def exposition(self) -> bytes:
        """Return all counters in the text format."""
        return generate_latest(self._registry)
