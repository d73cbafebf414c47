"""Why a transfer is not signed, not mined or not confirmed."""

from microbatch.market.model import HEAD_NUMBER
from microbatch.operations import why_store as store
from microbatch.operations.facts import amount, counted, eth, gwei, span
from microbatch.operations.lifetimes import Act
from microbatch.operations.why.link import (
    Link,
    Look,
    Row,
    link,
    nothing_by_itself,
    sent_again,
    wait_for,
)
from microbatch.pauses.model import SIGNED_BY

# Who asks about a transfer in this state again and again, with every answer.
POLLED_BY = {
    "requested": "hostpay_approval",
    "approved": "hostpay_signer",
    "broadcast": "hostpay_recorder",
    "mined": "hostpay_recorder",
}
SHORT = ("short_of_funds", "insufficient_funds", "short_of_token")


def transfer(look: Look, row: Row, attempts: list[Row]) -> Link:
    """A transfer, with the bytes that are out for it."""
    unsigned = row["state"] in ("requested", "approved")
    begun = row["created_at"] if unsigned else None
    made = link(look, "transfers", row["unique_id"], row, begun=begun)
    ended = row["state"] in ("parked", "rejected", "failed")
    made.reason = row["reason"] if ended else row["wait_reason"]
    made.details.append(f"{amount(row['amount_units'], row['currency'])} to {row['to_address']}")
    made.waits_since = row["waits_since"]
    if unsigned:
        _unsigned(look, row, made)
    elif row["state"] in ("signed", "broadcast"):
        _out(row, attempts, made)
    elif row["state"] == "mined":
        _mined(look, row, made)
    if row["tx_hash"]:
        made.details.append(f"transaction {row['tx_hash']}")
    if made.life is not None and made.life.act is Act.ALARM:
        made.next = nothing_by_itself()
    elif made.life is not None:
        made.next = sent_again(look, made.life, row, polled_by=POLLED_BY.get(row["state"]))
    return made


def ahead_of(look: Look, row: Row) -> Row | None:
    """The transfer on a lower nonce of the same wallet, before which this one cannot be mined."""
    if row["state"] not in ("signed", "broadcast"):
        return None
    lowest = store.lowest_unmined(look.tx, row["wallet"], row["chain_id"])
    return lowest if lowest is not None and lowest["nonce"] < row["nonce"] else None


def order(look: Look, attempts: list[Row]) -> Link | None:
    """Bytes that were ordered and that nobody has signed, if there are any."""
    ordered = [attempt for attempt in attempts if attempt["state"] == "ordered"]
    if not ordered:
        return None
    row = ordered[-1]
    made = link(look, "transfer_attempts", row["unique_id"], row)
    assert made.life is not None
    made.details.append(
        f"attempt {row['attempt_no']} ({row['kind']}) on nonce {row['nonce']}: at most"
        f" {gwei(row['max_fee_per_gas_wei'])} for gas"
    )
    made.next = sent_again(look, made.life, row)
    return made


def _unsigned(look: Look, row: Row, made: Link) -> None:
    code = (made.reason or "").partition(":")[0]
    if code in SHORT and row["preflight_at"] is not None:
        seen = f"{span(look.ago(row['preflight_at']))} ago"
        has = eth(row["preflight_balance_wei"])
        if row["preflight_token_units"] is not None:
            has += f" and {amount(row['preflight_token_units'], 'usdt')}"
        made.details.append(f"the wallet {row['wallet']} had {has} {seen}")
    if code == "wallet_frozen":
        wallet = store.wallet(look.tx, row["wallet"])
        if wallet is not None and wallet["reason"]:
            made.details.append(f"the wallet {row['wallet']} is frozen: {wallet['reason']}")
    wait_for(look, made, *SIGNED_BY[row["context"]])
    if row["cn_api_id"] and row["state"] == "requested":
        made.details.append(f"ChangeNOW is asked whether exchange {row['cn_api_id']} waits for it")


def _out(row: Row, attempts: list[Row], made: Link) -> None:
    """Bytes are out: which, at what fee, and what the nodes said of them."""
    signed = [attempt for attempt in attempts if attempt["tx_hash"]]
    if not signed:
        return
    newest = signed[-1]
    fee = gwei(newest["max_fee_per_gas_wei"])
    sent = f"sent {counted(newest['sends'], 'time')}" if newest["sends"] else "not sent yet"
    made.details.append(
        f"nonce {row['nonce']}, attempt {newest['attempt_no']} ({newest['kind']}),"
        f" {newest['tx_hash']}: at most {fee} for gas, {sent},"
        f" last answer {newest['last_outcome'] or 'none'}"
    )


def _mined(look: Look, row: Row, made: Link) -> None:
    head = store.observation(look.tx, HEAD_NUMBER)
    deep = "" if head is None else f", {max(0, int(head['value']) - row['block_number'] + 1)} deep"
    made.details.append(
        f"in block {row['block_number']}{deep}: it counts from {look.confirmations} on"
    )
