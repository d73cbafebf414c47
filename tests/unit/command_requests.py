"""Every command that asks the function, and the request that it is to ask with."""

from typing import Any

from command.main import parser

DONE = {"changed": True, "before": {"state": "parked"}, "after": {"state": "requested"},
        "sent": {"chain-requests": 1}}  # fmt: skip
WHY = ["--why", "she wrote"]
ASKED: list[tuple[list[str], dict[str, Any]]] = [
    (["payment", "49"], {"act": "payment", "payment_id": "49"}),
    (["batch", "6f1c"], {"act": "batch", "batch_id": "6f1c"}),
    (["payout", "6f1c"], {"act": "payout", "payout_id": "6f1c"}),
    (["why", "49", "--of", "clients"], {"act": "why", "id": "49", "entity": "clients"}),
    (["held", "--limit", "5"], {"act": "held", "limit": 5}),
    (["parked"], {"act": "parked"}),
    (["acts"], {"act": "acts"}),
    (["dead", "events"], {"act": "dead", "queue": "events"}),
    (["clients", "show", "7"], {"act": "clients show", "client_id": "7"}),
    (["threshold", "get"], {"act": "threshold get"}),
]
CHANGES: list[tuple[list[str], dict[str, Any]]] = [
    (
        ["accept", "49", "--fingerprint", "ab", "--received-eth", "0.05"],
        {"act": "accept", "payment_id": "49", "fingerprint": "ab", "received_eth": "0.05"},
    ),
    (["reject", "49"], {"act": "reject", "payment_id": "49"}),
    (["retry", "49"], {"act": "retry", "id": "49"}),
    (["retry", "49", "--seen-amount", "1.5"], {"act": "retry", "id": "49", "seen_amount": "1.5"}),
    (["release", "49"], {"act": "release", "id": "49"}),
    (["cancel", "AAAABBBBCCCC2222"], {"act": "cancel", "unique_id": "AAAABBBBCCCC2222"}),
    (["redrive", "events"], {"act": "redrive", "queue": "events"}),
    (
        ["redrive", "events", "--limit", "3", "--discard-poison"],
        {"act": "redrive", "queue": "events", "limit": 3, "discard_poison": True},
    ),
    (["pause", "hostpay"], {"act": "pause", "part": "hostpay"}),
    (["resume", "hostpay"], {"act": "resume", "part": "hostpay"}),
    (["wallets", "activate", "0xab"], {"act": "wallets activate", "address": "0xab"}),
    (["threshold", "set", "30"], {"act": "threshold set", "threshold_usd": "30"}),
    (["clients", "pause", "-100"], {"act": "clients pause", "client_id": "-100"}),
    (["clients", "resume", "7"], {"act": "clients resume", "client_id": "7"}),
    (
        ["clients", "add", "7", "--address", "0x5", "--currency", "usdt", "--network", "eth",
         "--strategy", "threshold", "--threshold-usd", "50"],
        {"act": "clients add", "client_id": "7", "wallet_address": "0x5",
         "payout_currency": "usdt", "payout_network": "eth", "payout_strategy": "threshold",
         "payout_threshold_usd": "50"},
    ),
    (
        ["clients", "address", "7", "--address", "rX", "--extra-id", "4711"],
        {"act": "clients address", "client_id": "7", "wallet_address": "rX",
         "payout_extra_id": "4711"},
    ),
]  # fmt: skip


def rehearsed(arguments: list[str]) -> bool:
    return bool(parser().parse_args([*arguments, *WHY]).subcommand.rehearsed)


def asks(arguments: list[str]) -> bool:
    return bool(parser().parse_args([*arguments, *WHY]).subcommand.asks)


MOVES_MONEY = [arguments for arguments, _ in CHANGES if asks(arguments)]
