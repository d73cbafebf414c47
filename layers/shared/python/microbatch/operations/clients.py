"""An operator's acts on clients: who they are and where their money goes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.messages import Outgoing
from microbatch.operations import store
from microbatch.operations.requests import (
    Request,
    Surroundings,
    changed,
    record,
    text_in,
    usd_in,
)
from microbatch.payout.service import address_changed, ask_about
from microbatch.platform.database import Transaction

CLIENT_ID = r"-?[0-9A-Za-z_]{1,64}"
CLIENTS_MAX = 1000
STRATEGIES = ("instant", "threshold")
ZERO_ADDRESS = "0x" + "0" * 40
DESTINATION = ("wallet_address", "payout_currency", "payout_network", "payout_extra_id")
# Networks on which an address is shared, and a memo or tag says whose money it is.
MEMO_NETWORKS = frozenset(
    {"xrp", "xlm", "eos", "atom", "hbar", "stx", "xem", "steem", "hive", "ton"}
)


def add(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> tuple[dict[str, Any], list[Outgoing]]:
    """Register a client; the same again changes nothing. An address abroad is asked about."""
    wanted = {
        "client_id": text_in(request, "client_id", CLIENT_ID),
        "payout_strategy": text_in(request, "payout_strategy", "|".join(STRATEGIES)),
        "payout_threshold_usd": usd_in(request, "payout_threshold_usd", default="0"),
        **_destination(request, surroundings, {}),
    }
    existing = store.client(tx, wanted["client_id"])
    if existing is not None:
        if {name: existing[name] for name in wanted if name != "address_state"} != {
            name: value for name, value in wanted.items() if name != "address_state"
        }:
            raise InvalidInput(
                f"client {wanted['client_id']} is registered with other particulars; "
                "choose another client_id"
            )
        return changed(existing, existing), []
    store.insert_client(tx, wanted, now)
    added = store.client(tx, wanted["client_id"])
    record(request, tx, now, wanted["client_id"], None, added)
    return changed(None, added), _questions(wanted, now)


def set_address(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> tuple[dict[str, Any], list[Outgoing]]:
    """Send a client's money elsewhere from now on: nothing is paid until the change has matured.

    What is signed already goes where it was going; what is not is given back.
    """
    client_id = text_in(request, "client_id", CLIENT_ID)
    before = store.client(tx, client_id)
    if before is None:
        raise InvalidInput(f"client {client_id} is not registered")
    wanted = _destination(request, surroundings, before)
    if all(before[name] == wanted[name] for name in DESTINATION):
        return _same_address(request, tx, now, before)
    matures_at = now + timedelta(seconds=surroundings.address_hold_seconds)
    store.set_address(tx, client_id, wanted, matures_at)
    after = store.client(tx, client_id)
    assert after is not None
    record(request, tx, now, client_id, before, after)
    change = store.insert_address_change(
        tx,
        client_id,
        who=request["who"],
        why=request["why"],
        before={name: before[name] for name in DESTINATION},
        after={name: after[name] for name in DESTINATION},
        matures_at=matures_at,
        now=now,
    )
    told = [address_changed(change, now), *_questions({**wanted, "client_id": client_id}, now)]
    return {**changed(before, after), "matures_at": matures_at.isoformat()}, told


def _same_address(
    request: Request, tx: Transaction, now: datetime, before: dict[str, Any]
) -> tuple[dict[str, Any], list[Outgoing]]:
    """Nothing changes; but an address that was refused is asked about once more."""
    if before["address_state"] != "refused":
        return changed(before, before), []
    client_id = before["client_id"]
    store.ask_again(tx, client_id)
    after = store.client(tx, client_id)
    assert after is not None
    record(request, tx, now, client_id, before, after)
    return changed(before, after), _questions(after, now)


def show_all(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> tuple[dict[str, Any], list[Outgoing]]:
    """Every client, a thousand at a time: those after the one that is named."""
    del now, surroundings
    after = text_in(request, "after_client_id", f"({CLIENT_ID})?", "")
    clients = store.clients(tx, after, CLIENTS_MAX)
    is_cut = len(clients) == CLIENTS_MAX
    return {"clients": clients, "next": clients[-1]["client_id"] if is_cut else None}, []


def show(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> tuple[dict[str, Any], list[Outgoing]]:
    """A client's particulars, what it has at this moment, and its last payouts."""
    del now, surroundings
    client_id = text_in(request, "client_id", CLIENT_ID)
    client = store.client(tx, client_id)
    if client is None:
        raise InvalidInput(f"client {client_id} is not registered")
    return {
        "client": client,
        "account": store.account(tx, client_id),
        "payouts": store.last_payouts(tx, client_id),
    }, []


def _destination(
    request: Request, surroundings: Surroundings, unless_said: Mapping[str, Any]
) -> dict[str, str]:
    """Where a client's money goes, checked as far as can be done here."""
    fields = {
        "wallet_address": text_in(request, "wallet_address", r"[!-~]{10,128}"),
        "payout_currency": text_in(
            request, "payout_currency", r"[a-z0-9]{1,32}", unless_said.get("payout_currency")
        ),
        "payout_network": text_in(
            request, "payout_network", r"[a-z0-9]{1,32}", unless_said.get("payout_network")
        ),
        "address_state": "unverified",
    }
    network, address = fields["payout_network"], fields["wallet_address"]
    stays = (network, address) == tuple(
        unless_said.get(name) for name in ("payout_network", "wallet_address")
    )
    memo = unless_said["payout_extra_id"] if stays else ""
    fields["payout_extra_id"] = text_in(request, "payout_extra_id", r"[ -~]{0,128}", memo)
    if network in MEMO_NETWORKS and not fields["payout_extra_id"].strip():
        raise InvalidInput(
            f"payout_extra_id is missing: {network} needs a memo or tag, ask the address's owner"
        )
    if network == "eth":
        if not surroundings.is_checksummed(address):
            raise InvalidInput(
                f"wallet_address {address!r} is no EIP-55 checksummed Ethereum address; "
                "check it with its owner"
            )
        if address.lower() in surroundings.never_paid | {ZERO_ADDRESS}:
            raise InvalidInput(f"wallet_address {address} can not belong to a client")
        if fields["payout_extra_id"]:
            raise InvalidInput("payout_extra_id must be empty: Ethereum knows no memos")
        fields["address_state"] = "verified"
    return fields


def _questions(client: dict[str, Any], now: datetime) -> list[Outgoing]:
    """Whether the provider takes an address that we cannot judge; asked again by the reconciler."""
    return [ask_about(client, now)] if client["address_state"] == "unverified" else []


def pause(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> tuple[dict[str, Any], list[Outgoing]]:
    """Pause a client, or let it go on: its payments are held, and nothing is paid to it.

    What was held only because of that is credited by itself when it goes on.
    """
    del surroundings
    client_id = text_in(request, "client_id", CLIENT_ID)
    before = store.client(tx, client_id)
    if before is None:
        raise InvalidInput(f"client {client_id} is not registered")
    pauses = request["act"] == "clients pause"
    if before["paused"] == pauses:
        return changed(before, before), []
    store.set_client_paused(tx, client_id, now if pauses else None)
    after = store.client(tx, client_id)
    record(request, tx, now, client_id, before, after)
    return changed(before, after), []
