"""The live tail: channels that match once for all watchers, sessions, replay from the log."""
