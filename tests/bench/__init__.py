"""Measurements, each a ratio of two things in one run on one machine. `python -m tests.bench` prints them."""
