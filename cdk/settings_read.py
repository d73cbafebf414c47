"""Which settings a function's code reads: it is given those, and no others.

Read from the code itself, by names: what its door takes from the wiring, what that calls, and what
is asked of the environment on the way. A name that is put together while the code runs could not
be found, so it is refused.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cdk.stages import STAGES, Stage

PROJECT = Path(__file__).parent.parent
WIRING = PROJECT / "layers" / "shared" / "python" / "microbatch" / "wiring"
ENVIRONMENT = "environment.py"  # of the wiring: whose functions take the name of a setting
SECRETS = frozenset(name for stage in STAGES for name in stage.all_secrets)


def settings_read(stage: Stage) -> frozenset[str]:
    """The names of the environment variables that a stage's door can come to read.

    Raises ValueError for one whose name is not written out.
    """
    door = ast.parse((PROJECT / "functions" / stage.name / "handler.py").read_text("utf-8"))
    reached, found = set[str](), set[str]()
    waiting = {
        node.attr
        for node in ast.walk(door)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "wiring"
    }
    while waiting:
        name = waiting.pop()
        reached.add(name)
        for node in _parts(_definitions()[name], stage):
            if isinstance(node, ast.Name) and node.id in _definitions():
                waiting |= {node.id} - reached
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in _readers():
                found |= _asked_for(node)
    return frozenset(found)


def _asked_for(call: ast.Call) -> set[str]:
    asked = call.args[0]
    if isinstance(asked, ast.Constant):
        return {str(asked.value)}
    if isinstance(asked, ast.Name) and asked.id == "name":  # a reader that asks another
        return set()
    raise ValueError(f"{ast.unparse(call)}: write the setting's name out, or nobody is given it")


@cache
def _definitions() -> dict[str, ast.stmt]:
    """What the wiring's modules define at their top, by name."""
    found: dict[str, ast.stmt] = {}
    for path in sorted(WIRING.glob("[!_]*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            for name in _defined_by(node):
                if name in found:
                    raise ValueError(f"the wiring defines {name} twice")
                found[name] = node
    return found


def _defined_by(node: ast.stmt) -> tuple[str, ...]:
    if isinstance(node, ast.FunctionDef):
        return (node.name,)
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return tuple(target.id for target in targets if isinstance(target, ast.Name))


@cache
def _readers() -> frozenset[str]:
    tree = ast.parse((WIRING / ENVIRONMENT).read_text("utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return frozenset(each.name for each in functions if ast.unparse(each.args).startswith("name:"))


def _parts(node: ast.AST, stage: Stage) -> Iterator[ast.AST]:
    """A definition's parts, without what is made only of secrets that the stage does not hold."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Dict):
            for key, value in zip(child.keys, child.values, strict=True):
                named = key.value if isinstance(key, ast.Constant) else None
                if named not in SECRETS or named in stage.all_secrets:
                    yield from _parts(value, stage)
        else:
            yield from _parts(child, stage)
