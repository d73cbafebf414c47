"""The outside parties, one module each: what they are asked, and what their answers mean."""
