"""Every module can be the first one that is imported: no door depends on another's order."""

import importlib
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "layers/shared/python/microbatch"
MODULES = sorted(
    ".".join(("microbatch", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    )
    for path in PACKAGE.rglob("*.py")
)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_can_be_imported_first(name: str) -> None:
    kept = {key: module for key, module in sys.modules.items() if key.startswith("microbatch")}
    for key in kept:
        del sys.modules[key]
    try:
        importlib.import_module(name)
    finally:
        for key in [key for key in sys.modules if key.startswith("microbatch")]:
            del sys.modules[key]
        sys.modules.update(kept)
