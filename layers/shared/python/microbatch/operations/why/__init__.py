"""Why something waits: since when, for what, who or what ends it, what happens next by itself."""
