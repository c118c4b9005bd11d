"""Benchmarks behind `loghub bench`: each starts a hub and its loaders, and prints one JSON line."""
