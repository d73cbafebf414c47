"""Puts the seams where our code meets libraries that touch the world: one place for each of them.

Done once in a process of its own (workers.py): what is put in place is never taken away.
"""

import functools
import gc
import importlib
import os
import pkgutil
import random
import sys
import time
import types
import uuid
from collections.abc import Callable
from datetime import datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import psycopg2
import requests

import microbatch
from tests.simulation import curve, guard
from tests.simulation.clock import datetime_of, time_of
from tests.simulation.connections import Pool
from tests.simulation.seams import UnknownEffect, current

WIRING = "microbatch.wiring"


class _Standing:
    """The world of the run that this process is in now."""

    world: Any = None


standing = _Standing()


def install(pool: Pool) -> None:
    """Every seam; from now on `standing.world` is what our code meets."""
    _replace_libraries()
    modules = _modules()
    psycopg2.connect = pool.connect
    requests.Session = _Session  # type: ignore[misc]
    _replace_signing()
    curve.install()
    _replace_wiring()
    for module in modules:
        _replace_chance_and_clock(module)
    guard.install()


def _modules() -> list[ModuleType]:
    """Every module of the product, imported."""
    found = pkgutil.walk_packages(microbatch.__path__, "microbatch.")
    names = sorted(each.name for each in found)
    return [importlib.import_module(name) for name in names]


# --- the node and the exchange --------------------------------------------------------------------


class _Session:
    """In the place of a session of requests."""

    def mount(self, _scheme: str, _adapter: Any) -> None:
        """Adapters are for the network."""

    def request(self, method: str, url: str, **options: Any) -> Any:
        """One HTTP call."""
        world = standing.world
        if url in world.nodes:
            return world.call_node(url, options["data"])
        return world.call_http(method, url, **options)

    def __getattr__(self, name: str) -> Any:
        raise UnknownEffect(f"requests.Session.{name} passes no seam")


def _replace_libraries() -> None:
    """Of boto3 our code uses how a client is made."""
    boto3 = types.ModuleType("boto3")
    boto3.client = lambda service, **_options: standing.world.aws_client(service)  # type: ignore[attr-defined]
    sys.modules["boto3"] = boto3


def _replace_signing() -> None:
    from microbatch.vendors.ethereum.key_signer import KeySigner  # noqa: PLC0415

    really = KeySigner.sign

    def sign(self: Any, **fields: Any) -> Any:
        return standing.world.sign(lambda: really(self, **fields), fields)

    KeySigner.sign = sign  # type: ignore[method-assign]


# --- the wiring -----------------------------------------------------------------------------------


def _replace_wiring() -> None:
    """What is kept is kept by the environment; its settings are the environment's; AWS is ours."""
    from microbatch.wiring import environment, steps  # noqa: PLC0415

    modules = [found for name, found in sys.modules.items() if name.startswith(WIRING)]
    replaced: dict[int, Callable[..., Any]] = {}
    for module in modules:
        tables = [each for each in vars(module).values() if isinstance(each, dict)]
        for table in (vars(module), *tables):
            for name, value in list(table.items()):
                if not hasattr(value, "cache_clear"):
                    continue
                if id(value) not in replaced:
                    replaced[id(value)] = _kept_by_environment(value.__wrapped__)
                table[name] = replaced[id(value)]
    environment.os = SimpleNamespace(environ=_Environ())  # type: ignore[attr-defined]
    _note_messages(steps)
    _note_failures()


def forget() -> None:
    """Whatever the product keeps for as long as its process lives: a seed begins without it."""
    for kept in _caches():
        kept.cache_clear()


@functools.lru_cache(maxsize=1)
def _caches() -> list[Any]:
    found = [each for each in gc.get_objects() if isinstance(each, _CACHE)]
    return [each for each in found if str(each.__module__).startswith("microbatch")]


_CACHE = type(functools.lru_cache(maxsize=1)(lambda: None))


def _kept_by_environment(made: Callable[..., Any]) -> Callable[..., Any]:
    def getter(*arguments: Any, **options: Any) -> Any:
        return standing.world.functions.kept(made)(*arguments, **options)

    return getter


class _Environ:
    """In the place of os.environ."""

    def get(self, name: str, default: str = "") -> str:
        """A variable of the function that asks."""
        found: str = standing.world.functions.environ.get(name, default)
        return found


def _note_messages(steps: ModuleType) -> None:
    """The class of the message at hand is part of every crash point's name."""
    read = steps.messages.read

    def noting(*arguments: Any) -> Any:
        message = read(*arguments)
        doing = current()
        if doing is not None:
            doing.about = type(message).__name__
        return message

    steps.messages.read = noting


def _note_failures() -> None:
    """What a handler failed with is looked at before the product decides about the message."""
    from microbatch.platform.retry import RetryingProcessor  # noqa: PLC0415

    really = RetryingProcessor.failure_handler

    def failure_handler(self: Any, record: Any, exception: Any) -> Any:
        standing.world.failed(exception[1])
        return really(self, record, exception)

    RetryingProcessor.failure_handler = failure_handler  # type: ignore[method-assign]


# --- chance and the clock -------------------------------------------------------------------------

_CLOCK = SimpleNamespace()


class _WorldClock:
    """The clock of whatever world stands."""

    @property
    def now(self) -> datetime:
        return standing.world.clock.now

    @property
    def elapsed_seconds(self) -> float:
        return standing.world.clock.elapsed_seconds


_DATETIME = datetime_of(_WorldClock())  # type: ignore[arg-type]
_TIME = time_of(_WorldClock())  # type: ignore[arg-type]


def _drawn_uuid() -> uuid.UUID:
    number = standing.world.chance.source(standing.world.chance.numbered("uuid"))
    return uuid.UUID(int=number.getrandbits(128), version=4)


def _replace_chance_and_clock(module: ModuleType) -> None:
    instead = {
        id(datetime): _DATETIME,
        id(time): _TIME,
        id(uuid.uuid4): _drawn_uuid,
        id(random): None,
        id(os.urandom): None,
    }
    for name, value in list(vars(module).items()):
        if id(value) in instead:
            setattr(module, name, instead[id(value)])
