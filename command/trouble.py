"""What AWS says when it does not answer, in one line: what is wrong, and what to do about it."""

import json

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

CHARACTERS_MAX = 300

_SIGN_IN = "sign in again (aws sso login, or new credentials)"
_ONCE = "whether it was done is not known: look with microbatch acts, then say it again if not"

_CODES = {
    "ResourceNotFoundException": (
        "{function} is not there: is --environment {environment} deployed in this account and"
        " region?"
    ),
    "AccessDeniedException": (
        "access to {function} is denied: these credentials need lambda:InvokeFunction on it"
    ),
    "ExpiredToken": f"the AWS credentials have expired: {_SIGN_IN}",
    "ExpiredTokenException": f"the AWS credentials have expired: {_SIGN_IN}",
    "UnrecognizedClientException": f"AWS does not know these credentials: {_SIGN_IN}",
    "InvalidClientTokenId": f"AWS does not know these credentials: {_SIGN_IN}",
    "InvalidSignatureException": "the signature is refused: is this machine's clock right?",
    "TooManyRequestsException": "{function} is throttled: try again in a moment; nothing was done",
    "ThrottlingException": "{function} is throttled: try again in a moment; nothing was done",
    "RequestTooLargeException": "the request is too large; nothing was done",
}
_CODES["AccessDenied"] = _CODES["AccessDeniedException"]

_KINDS: tuple[tuple[type[BotoCoreError], str], ...] = (
    (NoCredentialsError, "no AWS credentials: set AWS_PROFILE, say --profile, or aws configure"),
    (PartialCredentialsError, "the AWS credentials are incomplete: set key id and secret"),
    (ProfileNotFound, "{error}: choose one of those in ~/.aws/config"),
    (SSOTokenLoadError, f"not signed in to AWS: {_SIGN_IN}"),
    (TokenRetrievalError, f"not signed in to AWS: {_SIGN_IN}"),
    (UnauthorizedSSOTokenError, f"not signed in to AWS: {_SIGN_IN}"),
    (ReadTimeoutError, "{function} has not answered in time; " + _ONCE),
    (ConnectTimeoutError, "AWS cannot be reached: {error}; nothing was done"),
    (EndpointConnectionError, "AWS cannot be reached: {error}; nothing was done"),
    (SSLError, "AWS cannot be reached: {error}; nothing was done"),
    (ProxyConnectionError, "AWS cannot be reached: {error}; nothing was done"),
    (HTTPClientError, "the connection to {function} broke; " + _ONCE),
)


def of_call(error: BotoCoreError | ClientError, function: str, environment: str) -> str:
    """Why a call did not come to an answer of the function."""
    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        code = str(said.get("Code", "unknown"))
        text = _CODES.get(code, "AWS refuses: {code}: {message}")
        message = str(said.get("Message", ""))
        return _line(text.format(function=function, environment=environment, code=code,
                                 message=message))  # fmt: skip
    for kind, text in _KINDS:
        if isinstance(error, kind):
            return _line(text.format(function=function, error=error))
    return _line(f"AWS cannot be asked: {type(error).__name__}: {error}")


def of_function(body: bytes, function: str) -> str:
    """Why the function itself broke off: the error's kind and text, and where its log is."""
    try:
        said = json.loads(body)
        kind, text = str(said.get("errorType", "")), str(said.get("errorMessage", ""))
    except (ValueError, AttributeError):
        kind, text = "", body.decode(errors="replace")
    if kind == "RetryLater":
        return _line(f"{function} could not now: {text}; try again in a moment")
    if "Task timed out" in text:
        return _line(f"{function} has run out of time; {_ONCE}")
    log = f"/aws/lambda/{function.partition(':')[0]}"  # without its alias
    return _line(f"{function} failed: {kind} {text}; its log is {log}")


def _line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= CHARACTERS_MAX else words[: CHARACTERS_MAX - 1] + "…"
