"""docs/command-line.md has every command and every option there is, each in an example."""

import argparse
import re
from collections.abc import Iterator

import pytest

from command.main import parser
from command.registry import Subcommand, subcommands
from tests.unit import documents

TEXT = (documents.PROJECT / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = {subcommand.name: subcommand for subcommand in subcommands()}
SHARED = {"--environment", "--local", "--stack", "--profile", "--region", "--who", "--json",
          "--why", "--yes", "--dry-run", "--help", "-h"}  # fmt: skip


def part_of(name: str) -> str:
    """What stands under a command's heading."""
    found = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^#+ |\Z)", TEXT, re.M | re.S)
    assert found, f"docs/command-line.md has no heading {name}"
    return found[1]


def examples(text: str) -> list[list[str]]:
    """Every command line in the fences, in words; one that goes on after a backslash is one."""
    joined = text.replace("\\\n", " ")
    lines = re.findall(r"^\$ microbatch (.*)$", joined, re.MULTILINE)
    return [re.findall(r'"[^"]*"|\S+', line.partition("  #")[0]) for line in lines]


def options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """What a parser takes, without its subcommands."""
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            yield action


def parser_of(subcommand: Subcommand) -> argparse.ArgumentParser:
    below = parser()
    for word in subcommand.name.split():
        (choices,) = (
            action for action in below._actions if isinstance(action, argparse._SubParsersAction)
        )
        below = choices.choices[word]
    return below


def test_every_command_has_a_heading_and_no_other() -> None:
    assert re.findall(r"^## (.*)$", TEXT, re.MULTILINE) != []
    assert set(re.findall(r"^## (.*)$", TEXT, re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_that_is_one(name: str) -> None:
    shown = [
        words for words in examples(part_of(name)) if words[: len(name.split())] == name.split()
    ]

    assert shown
    for words in shown:
        given = parser().parse_args([word.strip('"') for word in words])
        assert given.subcommand is COMMANDS[name] or given.subcommand.name == name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_in_its_text_and_in_an_example(name: str) -> None:
    text = part_of(name)
    shown = {word for words in examples(text) for word in words}
    for action in options(parser_of(COMMANDS[name])):
        for option in set(action.option_strings) - SHARED:
            assert f"`{option}`" in text, f"{name} {option} is not documented"
            assert option in shown, f"{name} {option} is in no example"


def test_the_options_of_all_commands_are_in_their_table() -> None:
    table = TEXT.partition("\n# Looking")[0]
    for option in SHARED - {"-h"}:
        assert f"`{option}`" in table


def test_what_asks_before_it_is_done_is_named() -> None:
    (line,) = re.findall(r"\*\*Acts that move or release money\*\* \((.*?)\)", TEXT, re.DOTALL)

    assert set(documents.codes(line)) == {each.name for each in COMMANDS.values() if each.asks}


@pytest.mark.parametrize("words", examples(TEXT), ids=" ".join)
def test_every_example_is_a_right_command_line(words: list[str]) -> None:
    assert parser().parse_args([word.strip('"') for word in words]).subcommand
