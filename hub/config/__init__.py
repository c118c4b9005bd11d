"""The configuration: every key known, and every limit a setting."""

from hub.config.bounds import Live, TenantQuota
from hub.config.doors import Tokens
from hub.config.kinds import Section, seconds
from hub.config.load import load
from hub.config.settings import Settings

__all__ = ["Live", "Section", "Settings", "TenantQuota", "Tokens", "load", "seconds"]
