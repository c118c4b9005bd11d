"""Token keys that an issuer publishes at an HTTPS address (a JWKS, RFC 7517), fetched beside the hub's work.

    every refresh_seconds     the set is fetched anew; keys that it no longer has are forgotten
    an unknown key id         has it fetched at once, by one fetch for all who wait, at most once in cooldown_seconds
    an outage                 keeps the last good set in force, until it is max_age_seconds old

Verification itself never waits: it is by the set in force.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING

from hub.errors import CertificateError
from hub.identity.https_get import GetLimits, client_tls, https_get
from hub.identity.tokens import keys_of_set

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.identity.key_file import KeyObserver
    from hub.identity.tokens import Keyring, VerifyKey

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JwksOptions:
    """Where the keys are, whom to trust there, and how often and how long they are good."""

    url: str
    ca: Path | None
    limits: GetLimits
    refresh_seconds: float
    cooldown_seconds: float
    max_age_seconds: float


class JwksKeys:
    """Keeps a keyring as an issuer says; `run` must be running."""

    def __init__(
        self, options: JwksOptions, ring: Keyring, observer: KeyObserver, clock: Callable[[], float] = time
    ) -> None:
        """Take where the keys are; CertificateError where the authority cannot be used."""
        self._options = options
        self._ring = ring
        self._observer = observer
        self._clock = clock
        self._tls = client_tls(options.ca)
        self._got_at: float | None = None
        self._healthy = False
        # One fetch at a time: whoever else needs one waits for the same.
        self._fetching: asyncio.Task[None] | None = None
        self._asked_at: float | None = None

    @property
    def age_seconds(self) -> float:
        """How long ago the set was fetched; infinite: never."""
        return self._clock() - self._got_at if self._got_at is not None else float("inf")

    async def begin(self) -> None:
        """Fetch for the first time; a failure is logged, and the hub does without tokens until it succeeds."""
        await self._fetched()

    async def run(self) -> None:
        """Fetch until cancelled: at the interval, and after a failure at the cooldown if that is less."""
        options = self._options
        try:
            while True:
                pause = options.refresh_seconds if self._healthy else options.cooldown_seconds
                await asyncio.sleep(min(pause, options.refresh_seconds))
                await self._fetched()
        finally:
            if self._fetching is not None:
                self._fetching.cancel()

    async def learn(self) -> bool:
        """Fetch for a key that is not known, unless that was done just now; return whether it was."""
        asked = self._asked_at
        resting = asked is not None and asyncio.get_running_loop().time() - asked < self._options.cooldown_seconds
        if self._fetching is None and resting:
            return False
        await self._fetched()
        return True

    async def _fetched(self) -> None:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch(), name="jwks-fetch")
        fetching = self._fetching
        await asyncio.wait({fetching})  # who goes away while waiting must not take it from the others
        if not fetching.cancelled():
            fetching.result()

    async def _fetch(self) -> None:
        try:
            keys = self._read(await https_get(self._options.url, self._options.limits, self._tls))
        except CertificateError as error:
            self._healthy = False
            self._observer.keys_refused()
            fields = {"reason": error.message, "kept": len(self._ring.keys), "age_seconds": round(self.age_seconds, 1)}
            _log.warning("token_keys_not_fetched", extra={"fields": fields})
        else:
            self._put(keys)
        finally:
            self._asked_at = asyncio.get_running_loop().time()
            self._fetching = None

    def _read(self, text: bytes) -> tuple[VerifyKey, ...]:
        try:
            return keys_of_set(text, strict=False)
        except (ValueError, TypeError, RecursionError) as error:
            msg = f"{self._options.url} is no key set that can be used: {error}"
            raise CertificateError(msg) from error

    def _put(self, keys: tuple[VerifyKey, ...]) -> None:
        if [key.kid for key in keys] != [key.kid for key in self._ring.keys]:
            _log.info("token_keys_loaded", extra={"fields": {"keys": len(keys), "url": self._options.url}})
        self._healthy = True
        self._got_at = self._clock()
        self._ring.replace(keys, self._got_at + self._options.max_age_seconds)
        self._observer.keys_in_force(len(keys))
