"""Why a batch, a payout or its swap is where it is: mostly for what an exchange says or does."""

from microbatch.operations.facts import amount, counted, eth, span, usdt
from microbatch.operations.lifetimes import Act, lifetime
from microbatch.operations.why.link import Link, Look, Row, link, nothing_by_itself, sent_again

# What the exchange says of itself after we have paid, in a person's words.
PROVIDER_SAYS = {
    "new": "it has not noticed our payment",
    "waiting": "it has not noticed our payment",
    "confirming": "it waits for our payment's confirmations",
    "exchanging": "it is exchanging",
    "sending": "it is paying out",
    "finished": "it has paid out",
    "failed": "it could not exchange; it may still pay back",
    "refunded": "it has paid back",
    "expired": "it says that nothing came in time; it may still pay back",
    "verifying": "it checks where the money comes from, which takes up to 48 hours; write to its"
    " support with the exchange's id",
    "hold": "it holds the money; write to its support with the exchange's id",
}


def batch(look: Look, row: Row) -> Link:
    """A batch."""
    made = link(look, "batches", str(row["batch_id"]), row)
    made.reason = _reason(row)
    _untold(look, row, made, row["state"] in ("distributed", "released"))
    made.details.append(
        f"{counted(row['payments_count'], 'payment')}, {eth(row['claimed_wei'])}"
        + (f"; {usdt(row['received_microusdt'])} have arrived" if row["received_microusdt"] else "")
    )
    _next(look, row, made)
    return made


def payout(look: Look, row: Row) -> Link:
    """A payout."""
    made = link(look, "payouts", str(row["payout_id"]), row)
    made.reason = _reason(row)
    _untold(look, row, made, row["state"] in ("completed", "released", "rerouted"))
    made.details.append(
        f"{amount(row['amount_units'], row['from_currency'])} of client {row['client_id']}, as"
        f" {row['to_currency']}/{row['to_network']} to {row['to_address']}"
    )
    if row["delivered_hash"]:
        made.details.append(f"delivered in {row['delivered_hash']}")
    _next(look, row, made)
    return made


def swap(look: Look, row: Row) -> Link:
    """A swap."""
    made = link(look, "swaps", row["swap_id"], row)
    made.reason = _reason(row)
    if row["cn_api_id"]:
        made.details.append(f"exchange {row['cn_api_id']} at ChangeNOW")
    if row["state"] in ("requested", "quoted"):
        made.details.append(_unanswered(look, row))
    if row["state"] in ("paid", "parked") and row["provider_status"]:
        made.details.append(_said(look, row))
    if row["state"] == "paid" and (row["payout_hash"] or row["refund_hash"]):
        shown = row["payout_hash"] or row["refund_hash"]
        made.details.append(
            f"it names the transaction {shown}, which the chain has to show"
            f" {look.confirmations} blocks deep"
        )
    _next(look, row, made, polled_by="swap_monitor" if row["state"] == "paid" else None)
    return made


def _reason(row: Row) -> str | None:
    """An ended or parked row's own; another's reason is of an earlier state."""
    ended = row["state"] in ("parked", "released", "rerouted", "failed", "expired", "refunded")
    return row["reason"] if ended else None


def _unanswered(look: Look, row: Row) -> str:
    asked = row["asked_at"] or row["state_since"]
    return (
        f"ChangeNOW was asked {span(look.ago(asked))} ago and has not answered since; its errors"
        " are in the logs of swap_creator and swap_quoter"
    )


def _said(look: Look, row: Row) -> str:
    status = row["provider_status"]
    words = PROVIDER_SAYS.get(status, "which is no word that we know: look at it at ChangeNOW")
    since = row["provider_status_since"]
    how_long = f" for {span(look.ago(since))}" if since else ""
    return f"ChangeNOW says {status!r}{how_long}: {words}"


def _untold(look: Look, row: Row, made: Link, is_over: bool) -> None:
    """Its money is where it belongs; only that nobody was told of it yet is left."""
    life = lifetime(made.entity, "untold")
    if is_over and life is not None and row["announced_state"] != row["state"]:
        made.details.append(f"waits for {life.waits_for}")
        made.next = sent_again(look, life, row)


def _next(look: Look, row: Row, made: Link, polled_by: str | None = None) -> None:
    if made.life is None or made.life.act is Act.FOLLOW:
        return
    if made.life.act is Act.ALARM:
        made.next = nothing_by_itself()
    else:
        made.next = sent_again(look, made.life, row, polled_by=polled_by)
