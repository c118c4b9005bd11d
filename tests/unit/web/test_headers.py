"""hub.web.headers: what is promised to a browser, word by word."""

from __future__ import annotations

from hub.web.headers import HEADERS, RAW


def test_the_policy_allows_the_pages_own_files_and_nothing_else() -> None:
    """No inline script or style, no other host, no frame, no form, no markup made of text."""
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    own = {name for name, value in policy.items() if value == "'self'"}
    assert own == {"script-src", "style-src", "connect-src", "img-src"}
    assert policy.pop("require-trusted-types-for") == "'script'"
    assert {policy[name] for name in policy.keys() - own} == {"'none'"}
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_nothing_is_kept_guessed_framed_shared_or_used() -> None:
    """By the other headers."""
    others = {name: value for name, value in HEADERS.items() if "Policy" not in name}
    assert others == {
        "Strict-Transport-Security": "max-age=31536000",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-store",
    }
    assert HEADERS["Referrer-Policy"] == "no-referrer"
    assert HEADERS["Cross-Origin-Opener-Policy"] == HEADERS["Cross-Origin-Resource-Policy"] == "same-origin"
    assert HEADERS["Cross-Origin-Embedder-Policy"] == "require-corp"
    features = HEADERS["Permissions-Policy"].split(", ")
    assert {"camera=()", "geolocation=()", "microphone=()", "usb=()"} <= set(features)
    assert all(feature.endswith("=()") for feature in features)


def test_as_they_stand_in_a_response() -> None:
    """A line each, and none of them can begin another."""
    lines = RAW.decode("ascii").split("\r\n")
    assert lines.pop() == ""
    assert dict(line.split(": ", 1) for line in lines) == HEADERS
