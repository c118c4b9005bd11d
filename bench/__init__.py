"""Benchmarks behind `loghub bench`: each starts a hub of its own, loads it from other processes, prints one JSON line."""
