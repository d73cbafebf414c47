"""The exchange and the chain of our whole-path tests keep their promises about the token."""

import pytest

from microbatch.vendors.changenow import ExchangeError, Pair
from microbatch.vendors.ethereum import erc20_transfer_data
from tests.fakes.chain import FakeChain, Transaction
from tests.fakes.exchange import DOLLARS, FakeExchange

WALLET, TOKEN = "0x" + "11" * 20, "0x" + "55" * 20
RIPPLE = "rN7n7otQDd6FczFgLdSqtcsAUxDkw6fzRH"
DEPOSIT_HASH = "0x" + "d0" * 32


@pytest.fixture
def exchange() -> FakeExchange:
    chain = FakeChain()
    chain.give_token(WALLET, 60_000_000)
    return FakeExchange(chain)


def create(exchange: FakeExchange, currency: str, network: str, address: str = RIPPLE) -> str:
    pair = Pair(from_currency="usdt", from_network="eth", to_currency=currency, to_network=network)
    return exchange.create(
        pair,
        amount="50",
        payout_address=address,
        refund_address=WALLET,
        payout_extra_id="77" if currency == "xrp" else "",
    ).exchange_id


def deposit(exchange: FakeExchange, exchange_id: str, units: int) -> None:
    data = erc20_transfer_data(exchange.exchanges[exchange_id].payin_address, units)
    exchange.chain.pool.append(Transaction(DEPOSIT_HASH, WALLET, 0, TOKEN, 0, data))
    exchange.chain.mine()


def test_a_token_deposit_is_seen_and_what_it_becomes_is_delivered_once(exchange):
    exchange_id = create(exchange, "xrp", "xrp")
    assert exchange.status(exchange_id).status == "waiting"

    deposit(exchange, exchange_id, 50_000_000)
    for _ in range(2):
        found = exchange.status(exchange_id)

    [delivery] = exchange.delivered
    assert (found.status, found.amount_to) == ("finished", "100.00000000")
    assert (delivery.payout_address, delivery.extra_id, delivery.amount) == (RIPPLE, "77", 100)
    assert exchange.chain.units_of(WALLET) == 10_000_000


def test_more_token_than_there_is_moves_nothing(exchange):
    exchange_id = create(exchange, "btc", "btc")
    deposit(exchange, exchange_id, 60_000_001)

    assert exchange.chain.receipt(wallet=WALLET, tx_hash=DEPOSIT_HASH).status == "reverted"
    assert exchange.status(exchange_id).status == "waiting"
    assert exchange.chain.units_of(WALLET) == 60_000_000


def test_a_deposit_lost_in_a_reorganisation_is_the_wallets_again(exchange):
    exchange_id = create(exchange, "btc", "btc")
    deposit(exchange, exchange_id, 50_000_000)
    exchange.chain.unmine(DEPOSIT_HASH)

    assert exchange.chain.units_of(WALLET) == 60_000_000
    assert exchange.status(exchange_id).status == "waiting"


def test_a_refund_of_tokens_is_in_the_logs_of_our_wallet_only(exchange):
    exchange_id = create(exchange, "btc", "btc")
    deposit(exchange, exchange_id, 50_000_000)
    tx_hash = exchange.refund(exchange_id, fee="0.5")

    found = exchange.status(exchange_id)
    logs = exchange.chain.transfer_logs(tx_hash=tx_hash, token=TOKEN, to_address=WALLET)
    others = exchange.chain.transfer_logs(tx_hash=tx_hash, token=TOKEN, to_address="0x" + "22" * 20)
    assert (found.status, found.refund_hash, found.refund_amount) == ("refunded", tx_hash, "49.5")
    assert [transfer.amount_units for transfer in logs.transfers] == [49_500_000]
    assert others.transfers == ()
    assert exchange.chain.units_of(WALLET) == 59_500_000


def test_an_invalid_address_is_told_and_refused(exchange):
    exchange.invalid_addresses.add(RIPPLE)
    exchange.unsupported_networks.add("nowhere")

    assert not exchange.validate_address("xrp", RIPPLE).valid
    assert exchange.validate_address("xrp", "r" + RIPPLE).valid
    with pytest.raises(ExchangeError, match="not_valid_address"):
        create(exchange, "xrp", "xrp")
    with pytest.raises(ExchangeError, match="not_valid_params"):
        exchange.validate_address("nowhere", RIPPLE)


def test_every_priced_currency_can_be_estimated(exchange):
    for currency in DOLLARS:
        pair = Pair(
            from_currency="eth", from_network="eth", to_currency=currency, to_network=currency
        )
        assert float(exchange.estimate(pair, "0.01")) > 0
