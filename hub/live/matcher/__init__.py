"""The matcher: all filters of a tenant's watchers against a batch at once."""
