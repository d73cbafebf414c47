"""How a command ends when it is not done: one line for a person, one exit code for a script."""

DONE = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended


class Failure(Exception):
    """Not done; the text says why and what to do. Exit code 1."""


class Usage(Exception):
    """The command line itself is wrong; the text says what is missing. Exit code 2."""
