"""What holds for the whole tier."""

from __future__ import annotations

from hypothesis import settings

from tests.examples import examples

settings.register_profile("unit", examples(50))
settings.load_profile("unit")
