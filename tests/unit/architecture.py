"""The house law as functions from one file's source to what breaks it, a sentence each."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

PACKAGE = "layers/shared/python/microbatch/"
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 50
DOOR_LINES_MAX = 25
LINE_CHARACTERS_MAX = 100
PRAGMA = re.compile(r" *# (type: ignore|noqa).*")  # for a machine, not to be read
EMPTY_NAMES = frozenset({"utils", "helpers", "manager", "common", "core"})
AREAS = frozenset({"messages", "vendors", "platform", "wiring", "migrations"})  # not rooms

# layer of a file → what it may import. "own": of its own room; "other": of any other room.
ROOM = frozenset({"own model", "own store", "own service"})
PLAIN = frozenset({"errors", "money", "codec", "messages"})
ALLOWED: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "pace": frozenset(),
    "money": frozenset({"errors"}),
    "codec": frozenset({"errors"}),
    "messages": frozenset({"messages", "codec", "errors"}),
    "events": frozenset({"messages", "errors"}),
    "webhook": frozenset({"messages", "errors", "observability"}),
    "model": frozenset({"own model", "other model", "money", "errors"}),
    "store": frozenset({"own model", "messages", "money", "errors", "pace", "transaction"}),
    "service": ROOM
    | PLAIN
    | {"pace", "events", "other service", "other model", "transaction", "observability"},
    "outside": PLAIN | {"own model", "vendors", "webhook", "observability"},
    "vendors": frozenset({"vendors", "money", "errors", "codec"}),
    "platform": frozenset({"platform", "observability", "transaction", "errors"}),
    "wiring": ROOM
    | PLAIN
    | {"pace", "events", "webhook", "wiring", "vendors", "platform"}
    | {"observability", "transaction"}
    | {f"other {part}" for part in ("model", "service", "inside", "outside")},
    "function": PLAIN
    | {"wiring", "platform", "observability", "transaction"}
    | {f"other {part}" for part in ("service", "inside", "outside")},
}
AT_TOP_OF_WIRING = frozenset({"messages", "money", "errors", "wiring"})
# The queries that prove the invariants open their own transaction: from tests and drills alike.
OPENS_TRANSACTIONS = PACKAGE + "operations/invariants.py"

LIBRARIES: dict[str, frozenset[str]] = {
    "boto3": frozenset({"platform", "wiring"}),
    "botocore": frozenset({"platform", "wiring"}),
    "psycopg2": frozenset({"platform"}),
    "requests": frozenset({"vendors"}),
    "web3": frozenset({"vendors"}),
    "eth_account": frozenset({"vendors"}),
    "eth_keys": frozenset({"vendors"}),
    "eth_utils": frozenset({"vendors"}),
    "aws_lambda_powertools": frozenset({"platform", "wiring", "function"}),
}


@dataclass(frozen=True)
class Import:
    """One imported module, with the names taken from it."""

    module: str
    names: tuple[str, ...]
    line: int
    at_top: bool  # runs when the file is imported


@dataclass(frozen=True)
class Source:
    """One file: its path from the repository's root, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def in_package(self) -> str:
        """The path within the package; "" outside."""
        return self.path.removeprefix(PACKAGE) if self.path.startswith(PACKAGE) else ""

    @property
    def layer(self) -> str:
        return layer_of(self.in_package) if self.in_package else "function"

    @property
    def room(self) -> str:
        return self.in_package.partition("/")[0] if "/" in self.in_package else ""

    @cached_property
    def imports(self) -> list[Import]:
        return list(_imports(self.tree.body, at_top=True))


def layer_of(path: str) -> str:
    """What a file of the package is, from its path in it."""
    parts = path.removesuffix(".py").split("/")
    if len(parts) == 1 or parts[0] in AREAS:
        return parts[0]
    name = parts[1]
    if name in ("model", "service"):
        return name
    if name == "store" or name.endswith("_store"):
        return "store"
    return "outside" if name in ("inbound", "outbound") else "service"


def _imports(body: list[ast.stmt], *, at_top: bool) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, (), node.lineno, at_top)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(node, at_top)
        else:
            typing_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            below = at_top and not typing_only and not inside
            for field in ("body", "orelse", "finalbody", "handlers"):
                yield from _imports(getattr(node, field, []), at_top=below)


def _from(node: ast.ImportFrom, at_top: bool) -> Iterator[Import]:
    module = "." * node.level + (node.module or "")
    parts = module.split(".")
    names = tuple(alias.name for alias in node.names)
    # "from microbatch.swap import service" names a module, "from microbatch.swap.model import Swap"
    # a thing in one
    holds_modules = parts == ["microbatch"] or (
        len(parts) == 2 and parts[0] == "microbatch" and parts[1] not in ("messages", "wiring")
    )
    if holds_modules and (len(parts) == 1 or parts[1] not in ALLOWED or parts[1] in AREAS):
        for name in names:
            yield Import(f"{module}.{name}", (), node.lineno, at_top)
    else:
        yield Import(module, names, node.lineno, at_top)


def _target(source: Source, imported: Import) -> str:
    """What an import of ours reaches, in the words of ALLOWED."""
    parts = imported.module.split(".")[1:] or ["microbatch"]
    area = parts[0]
    if area == "platform":
        if parts[1:] == ["observability"]:
            return "observability"
        known = {"Transaction"} | ({"Database"} if source.path == OPENS_TRANSACTIONS else set())
        taken = set(imported.names)
        only_types = parts[1:] == ["database"] and bool(taken) and taken <= known
        return "transaction" if only_types else "platform"
    if len(parts) == 1 or area in AREAS:
        return area
    part = layer_of("/".join(parts))
    if area == source.room:
        return f"own {part}"
    return "other inside" if part == "service" and parts[1] != "service" else f"other {part}"


def wrong_arrows(source: Source) -> Iterator[str]:
    """Imports against the direction of ARCHITECTURE §4."""
    for imported in source.imports:
        root = imported.module.partition(".")[0]
        if root == "microbatch":
            target = _target(source, imported)
            if target not in ALLOWED.get(source.layer, frozenset()):
                yield f"line {imported.line}: {source.layer} imports {imported.module} ({target})"
        elif root in ("", "functions", "cdk", "local", "tests", "importlib"):
            yield f"line {imported.line}: nothing imports {imported.module}"


def eager_wiring(source: Source) -> Iterator[str]:
    """What the composition root imports before anybody asks for it."""
    if source.layer != "wiring":
        return
    for imported in source.imports:
        root = imported.module.partition(".")[0]
        ours = root == "microbatch"
        lazy = ours and _target(source, imported) not in AT_TOP_OF_WIRING
        if imported.at_top and (lazy or root in LIBRARIES):
            yield f"line {imported.line}: {imported.module} is imported before it is needed"


def wrong_libraries(source: Source) -> Iterator[str]:
    """Third parties outside the layer that hides them."""
    for imported in source.imports:
        root = imported.module.partition(".")[0]
        if root in ("", "microbatch", "functions", "cdk", "local", "tests"):
            continue
        if root not in sys.stdlib_module_names and source.layer not in LIBRARIES.get(root, ()):
            yield f"line {imported.line}: {source.layer} imports {imported.module}"


def doubles(source: Source) -> Iterator[str]:
    """`float` anywhere but in the codec and the layouts, and literals other than seconds."""
    if source.layer in ("codec", "messages"):
        return
    seconds = {
        id(part)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assign) and "SECONDS" in ast.unparse(node.targets[0])
        for part in ast.walk(node.value)
    }
    for node in ast.walk(source.tree):
        named = isinstance(node, ast.Name) and node.id == "float"
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        if named or (literal and id(node) not in seconds):
            yield f"line {node.lineno}: a double"


def clocks_without_zone(source: Source) -> Iterator[str]:
    """Times that mean another instant on another machine."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        arguments = len(node.args) + len(node.keywords)
        owner = ast.unparse(node.func.value)
        of_datetime = owner in ("datetime", "date", "datetime.datetime", "datetime.date")
        naive = (
            node.func.attr in ("utcnow", "utcfromtimestamp", "today")
            or (node.func.attr == "now" and arguments == 0)
            or (node.func.attr == "fromtimestamp" and arguments == 1)
        )
        if of_datetime and naive:
            yield f"line {node.lineno}: {owner}.{node.func.attr} without a zone"


def environment_readers(source: Source) -> Iterator[str]:
    """Whoever reads the environment besides the composition root."""
    if source.in_package == "wiring/environment.py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"):
            yield f"line {node.lineno}: reads the environment"
    for imported in source.imports:
        if imported.module == "os" and {"environ", "getenv", "environb"} & set(imported.names):
            yield f"line {imported.line}: reads the environment"


def prints(source: Source) -> Iterator[str]:
    """Words that bypass the log."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "pprint"):
            yield f"line {node.lineno}: print"


def sizes(source: Source) -> Iterator[str]:
    """More than fits on a screen, or in a head."""
    lines = source.text.splitlines()
    is_door = source.path.startswith("functions/")
    if len(lines) > (DOOR_LINES_MAX if is_door else FILE_LINES_MAX):
        yield f"{len(lines)} lines"
    for number, line in enumerate(lines, 1):
        one_word = len(line.split()) == 1  # a key, a vector: nowhere to break it
        if len(PRAGMA.sub("", line)) > LINE_CHARACTERS_MAX and not one_word:
            yield f"line {number}: {len(line)} characters"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"line {node.lineno}: {node.name} has {length} lines"


def empty_names(source: Source) -> Iterator[str]:
    """Names that say nothing about what is inside."""
    for part in source.path.removesuffix(".py").split("/"):
        if EMPTY_NAMES & set(part.split("_")):
            yield f"{part} says nothing"


EVERYWHERE: tuple[Callable[[Source], Iterator[str]], ...] = (sizes, empty_names)
IN_THE_PRODUCT = (
    wrong_arrows,
    eager_wiring,
    wrong_libraries,
    doubles,
    clocks_without_zone,
    environment_readers,
    prints,
    *EVERYWHERE,
)
