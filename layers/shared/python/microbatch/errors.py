"""What can go wrong, by what is to be done about it.

MicrobatchError
├── RetryLater              try the same message again later (429, 5xx, timeout, no connection)
│   └── KeyDenied           an outside party does not take our key: who calls reads it again, once
└── PermanentFailure        trying again cannot help: dead-letter queue, at once, with the reason
    ├── ConfigurationError  a setting or secret is missing or malformed: the function does not start
    ├── InvalidInput        what somebody sent cannot be right; the text names the field and the fix
    ├── InvalidToken        forged, cut, of another type, or from a queue that does not carry it
    ├── ExpiredToken        authentic, but outside its validity
    └── IllegalTransition   a state was asked to move off its table

Anything else that is raised is a bug of ours: retried like RetryLater and logged as an error.
"""


class MicrobatchError(Exception):
    """The root of everything this product raises on purpose."""

    @property
    def reason(self) -> str:
        """One line for a log, a dead letter or a row: the kind and the text, never a secret."""
        return f"{type(self).__name__}: {self}"


class RetryLater(MicrobatchError):
    """Something outside is unwell; the same message may succeed later."""


class KeyDenied(RetryLater):
    """An outside party finds our key missing, wrong or not enabled: an operator's to repair."""


class PermanentFailure(MicrobatchError):
    """The same message can never succeed."""


class ConfigurationError(PermanentFailure):
    """A setting or secret is missing or malformed; names it, never shows its value."""


class InvalidInput(PermanentFailure):
    """A value from outside is not acceptable; names the field, what is wrong and what to do."""


class InvalidToken(PermanentFailure):
    """A token's signature, shape or type is not acceptable."""


class ExpiredToken(PermanentFailure):
    """A token is authentic but too old, or from the future."""


class IllegalTransition(PermanentFailure):
    """A row's state does not allow the move."""
