"""Measurements of the real code, reproducible by one command each."""
