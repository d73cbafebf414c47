"""Accumulate small crypto payments, convert them in batches, share out exactly what arrived."""
