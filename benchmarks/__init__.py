"""Benchmarks: accuracy and latency, measured with the code that users run."""
