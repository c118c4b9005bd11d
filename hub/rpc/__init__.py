"""gRPC: the server, how errors are said on this wire, and the Tail service."""
