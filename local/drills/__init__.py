"""Drills: something outside is taken away for a compressed day, and all finishes after it."""
