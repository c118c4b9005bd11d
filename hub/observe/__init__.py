"""What the hub says about itself: log lines, metrics."""
