"""The durable log: one protocol, and its backends."""
