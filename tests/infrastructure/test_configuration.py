"""Environments and layers: what goes in is typed, what is missing is named."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cdk import config, layers


def _context(**values: object) -> config.Environment:
    return config.load(values.get)


def test_context_gives_the_local_chain_its_addresses() -> None:
    environment = _context(
        environment="local",
        host_wallet="0xA",
        usdt="0xB",
        feed="0xC",
        changenow_url="http://127.0.0.1:1",
        chain_id="1337",
    )

    settings = environment.settings()
    assert settings["HOST_WALLET_ADDRESS"] == "0xA"
    assert settings["USDT_ADDRESS"] == "0xB"
    assert settings["ETH_USD_FEED_ADDRESS"] == "0xC"
    assert settings["CHANGENOW_URL"] == "http://127.0.0.1:1"
    assert settings["CHAIN_ID"] == "1337"


def test_prod_takes_nothing_but_its_wallet_from_the_context() -> None:
    environment = _context(environment="prod", host_wallet="0xA", usdt="0xB", chain_id="5")

    settings = environment.settings()
    assert settings["HOST_WALLET_ADDRESS"] == "0xA"
    assert settings["USDT_ADDRESS"] == "0xdAC17F958D2ee523a2206206994597C13D831ec7"
    assert settings["CHAIN_ID"] == "1"


@pytest.mark.parametrize(
    ("given", "valid"),
    [
        (f"0x{'aB' * 20}", True),
        (f"0x{'aB' * 20} 0x{'cd' * 20}@17", True),
        (" ".join([f"0x{'aB' * 20}@17"] * 5), True),
        (" ".join([f"0x{'aB' * 20}@17"] * 6), False),
        (f"0x{'aB' * 20}@", False),
        (f"0x{'aB' * 20},0x{'cd' * 20}", False),
        (f"0x{'aB' * 20} ", False),
        ("0x12", False),
    ],
)
def test_wallets_are_addresses_with_or_without_a_count(given: str, valid: bool) -> None:
    pattern = config.REQUIRED_AT_DEPLOY["HOST_WALLET_ADDRESS"]

    assert bool(re.fullmatch(pattern, given)) is valid


@pytest.mark.parametrize(("name", "most"), [("host_wallet_address", 5), ("payee_allow_list", 20)])
def test_a_list_that_would_not_fit_a_functions_variables_is_refused_by_name(
    name: str, most: int
) -> None:
    addresses = [f"0x{number:040x}" for number in range(most + 1)]

    replace(config.PROD.parameters, **{name: " ".join(addresses[:most])})
    with pytest.raises(ValueError, match=f"{name} names {most + 1} addresses: more than {most}"):
        replace(config.PROD.parameters, **{name: " ".join(addresses)})


def test_an_unknown_environment_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="environment=staging: choose one of local, dev, prod"):
        _context(environment="staging")


def test_amounts_are_whole_numbers_of_the_smallest_unit() -> None:
    for environment in config.ENVIRONMENTS.values():
        settings = environment.settings()
        assert settings["BATCH_MAX_WEI"] == "50000000000000000000"
        assert settings["GAS_RESERVE_WEI"] == "5000000000000000"
        assert settings["MAX_FEE_PER_GAS_CEILING_WEI"] == "300000000000"
        assert settings["TP_FLAT_FEE"] == "3"


def test_a_missing_layer_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"run python -m cdk\.layers aws"):
        layers.require(tmp_path / "aws", "runtime")


def test_everything_pinned_directly_is_pinned_the_same_for_the_layers() -> None:
    pinned = set(layers.CONSTRAINTS.read_text().splitlines())

    for name in layers.LAYERS:
        requirements = (layers.PROJECT / "layers" / name / "requirements.txt").read_text()
        assert set(requirements.splitlines()) <= pinned


def test_a_distribution_nobody_pinned_is_refused_by_name(tmp_path: Path) -> None:
    metadata = tmp_path / "left_pad-1.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: left-pad\nVersion: 1.0\n")

    with pytest.raises(RuntimeError, match=r"constraints\.txt: left-pad"):
        layers._check_pinned(tmp_path)
