"""Settings of watching (config/settings.py takes them all over): who may look."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from config import env

HERE = ("127.0.0.0/8", "::1/128")


def _networks(production: bool) -> list[IPv4Network | IPv6Network]:
    """Return the networks that need no token: this machine itself, but nobody in production, where a proxy on it would open them to the world."""
    found: list[IPv4Network | IPv6Network] = []
    for text in env.listing("METRICS_NETWORKS", () if production else HERE):
        try:
            found.append(ip_network(text))
        except ValueError:
            raise env.SettingError("METRICS_NETWORKS", text, "is not a network", "127.0.0.0/8,10.0.0.0/8") from None
    return found


METRICS_TOKEN = env.text("METRICS_TOKEN")
METRICS_NETWORKS = _networks(env.text("PROFILE") == "production")
READINESS_AHEAD = True  # pages look after the checks in the background; tests do not, where a thread would see another database
