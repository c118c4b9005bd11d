"""Python clients of the hub: a producer over gRPC, a subscriber over WebSocket."""
