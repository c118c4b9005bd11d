"""loghub: a secure, multi-tenant live log hub."""

__version__ = "0.1.0"
