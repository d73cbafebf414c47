"""The AWS emulator: MiniStack, with what it lacks for this product."""
