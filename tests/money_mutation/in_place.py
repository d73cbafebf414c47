"""Changing functions that are imported already: their code is exchanged, wherever they are held."""

import gc
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType


def change(path: Path, source: bytes) -> bool:
    """Have every function of a module run as this source says; False when that cannot be done.

    What ran when the module was imported stays as it was: constants, classes, defaults.
    """
    name = str(path)
    before = compile(path.read_bytes(), name, "exec", dont_inherit=True)
    after = compile(source, name, "exec", dont_inherit=True)
    changed = {old: new for old, new in _pairs(before, after) if old != new}
    done = False
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__ in changed:
            try:
                each.__code__ = changed[each.__code__]
            except ValueError:  # it closes over other variables now
                return False
            done = True
    return done


def _pairs(before: CodeType, after: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """The codes in one code and those in another at the same places, as far as they match."""
    olds, news = _codes_in(before), _codes_in(after)
    if [each.co_name for each in olds] != [each.co_name for each in news]:
        return
    for old, new in zip(olds, news, strict=True):
        yield old, new
        yield from _pairs(old, new)


def _codes_in(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]
