"""Finds, in the product's text, every call that can touch the world.

What a run meets is found while it runs (seams.py). This finds what no run may ever come to: a new
library, a new call of one, a new client; and the places of effects, each of which some run must
come to.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.seams import FUNCTIONS, PACKAGE

# Libraries that touch the world → what the seams take the place of, and what touches nothing.
SEAMS = {
    "boto3.client": "World.aws_client",
    "psycopg2.connect": "Pool.connect",
    "requests.Session": "installed._Session",
}
HARMLESS = frozenset(
    {
        "botocore.config.Config",
        "psycopg2.BINARY",
        "psycopg2.extensions.encrypt_password",
        "psycopg2.extensions.new_type",
        "psycopg2.extensions.register_type",
        "psycopg2.extras.register_default_json",
        "psycopg2.extras.register_default_jsonb",
        "requests.adapters.HTTPAdapter",
    }
)
LIBRARIES = ("boto3", "botocore", "psycopg2", "requests", "web3")
# Of the standard library, what touches nothing but memory.
PURE = frozenset(
    {
        *("abc", "base64", "binascii", "collections", "contextlib", "contextvars", "dataclasses"),
        "datetime",
        *("decimal", "enum", "fractions", "functools", "hashlib", "hmac", "http", "itertools"),
        *("json", "math", "pathlib", "re", "struct", "time", "types", "typing", "uuid"),
        "warnings",
    }
)
# Calls of builtins and of pathlib that read or write files; the migrator's reading is one of them.
FILE_CALLS = frozenset(
    {"open", "exec", "eval", "write_text", "write_bytes", "unlink", "mkdir", "rename"}
)
# What the product calls its AWS clients by.
CLIENT_NAMES = ("client", "_client")
# The places where the outside is reached, by the last name of the call.
PLACES = frozenset(
    {
        "change_message_visibility",
        "connect",
        "get_public_key",
        "get_queue_attributes",
        "get_secret_value",
        "put_events",
        "receive_message",
        "request",
        "send_message",
        "send_message_batch",
        "sign",
        "_commit",
    }
)


@dataclass(frozen=True)
class Found:
    """One call: in which file and function, and what is called."""

    file: str
    function: str
    called: str
    line: int

    @property
    def place(self) -> str:
        """As a crash point's site names it."""
        return f"{self.file}:{self.function}"


def files() -> Iterator[tuple[str, str]]:
    """(name, text) of every file of the product."""
    for root in (PACKAGE, FUNCTIONS):
        for path in sorted(Path(root).rglob("*.py")):
            name = str(path.relative_to(root)).removesuffix(".py")
            yield name, path.read_text(encoding="utf-8")


def library_calls(name: str, text: str) -> Iterator[Found]:
    """Every call of a library that touches the world, by its full name."""
    tree = ast.parse(text)
    known = dict(_imported(tree))
    for function, call in _calls(tree):
        dotted = ast.unparse(call.func).split(".")
        if dotted[0] in known:
            full = ".".join([known[dotted[0]], *dotted[1:]])
            if full.split(".")[0] in LIBRARIES and not _is_error(full):
                yield Found(name, function, full, call.lineno)


def imports_that_touch(name: str, text: str) -> Iterator[Found]:
    """Imports of the standard library that may touch more than memory."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules = [node.module]
        else:
            continue
        for module in modules:
            root = module.partition(".")[0]
            if root in sys.stdlib_module_names and root not in PURE and module != "os.path":
                yield Found(name, "", module, node.lineno)


def file_calls(name: str, text: str) -> Iterator[Found]:
    """Calls that open or change files, or run text."""
    for function, call in _calls(ast.parse(text)):
        last = ast.unparse(call.func).rpartition(".")[2]
        if last in FILE_CALLS:
            yield Found(name, function, last, call.lineno)


def client_calls(name: str, text: str) -> Iterator[Found]:
    """Calls of methods of AWS clients."""
    if not name.startswith(("platform/", "wiring/")):
        return  # nobody else may have one: tests/unit/architecture.py
    tree = ast.parse(text)
    for function, call in _calls(tree):
        dotted = ast.unparse(call.func).split(".")
        if len(dotted) > 1 and dotted[-2] in CLIENT_NAMES:
            yield Found(name, function, dotted[-1], call.lineno)
        if _is_by_name(call):
            for method in _texts_given_to(tree, function):
                yield Found(name, function, method, call.lineno)


def _is_by_name(call: ast.Call) -> bool:
    """Whether a client's method is looked up by a name that comes from elsewhere."""
    if ast.unparse(call.func) != "getattr":
        return False
    return ast.unparse(call.args[0]).rpartition(".")[2] in CLIENT_NAMES


def _texts_given_to(tree: ast.Module, function: str) -> list[str]:
    """Every text that is passed to a function of the file; all of them, or a sign of more."""
    given = [
        argument.value
        for _, call in _calls(tree)
        if ast.unparse(call.func).rpartition(".")[2] == function
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    return given or ["a method of any name"]


def places(name: str, text: str) -> Iterator[Found]:
    """Where the outside is reached: each must be one where a process has ended in some run."""
    for function, call in _calls(ast.parse(text)):
        dotted = ast.unparse(call.func).split(".")
        known = dotted[-1] in PLACES and len(dotted) > 1 and _reaches(dotted)
        if known or _is_by_name(call):
            yield Found(name, function, dotted[-1], call.lineno)


def _reaches(dotted: list[str]) -> bool:
    if dotted[-1] == "sign":  # a signer's, or KMS's; a message's is arithmetic
        return dotted[-2] in ("signer", *CLIENT_NAMES)
    if dotted[-1] == "request":
        return dotted[-2] == "_session"
    return True


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(name in the file, full name) of what is imported from libraries."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (root, root)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _is_error(full: str) -> bool:
    """An exception of the library, raised or made."""
    last = full.rpartition(".")[2]
    return last.endswith(("Error", "Exception"))


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """(innermost function, call)."""
    yield from _calls_in(tree, "")


def _calls_in(node: ast.AST, function: str) -> Iterator[tuple[str, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        inside = child.name if named else function
        if isinstance(child, ast.Call):
            yield inside, child
        yield from _calls_in(child, inside)
