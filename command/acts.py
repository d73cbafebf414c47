"""The acts on payments, transfers, dead letters and parts of the pipeline."""

import argparse

from command.acting import perform
from command.registry import Session, Subcommand

PARTS = ("ingress", "conversion", "hostpay", "payout")
LIMIT_MAX = 500


def _accept(session: Session, given: argparse.Namespace) -> int:
    return perform(
        session,
        given,
        "accept",
        payment_id=given.payment,
        fingerprint=given.fingerprint,
        received_eth=given.received_eth,
    )


def _accept_arguments(parser: argparse.ArgumentParser) -> None:
    _held_arguments(parser)
    parser.add_argument(
        "--received-eth", metavar="ETH", help="what has arrived, when that is not known"
    )


def _reject(session: Session, given: argparse.Namespace) -> int:
    return perform(
        session, given, "reject", payment_id=given.payment, fingerprint=given.fingerprint
    )


def _held_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("payment", metavar="PAYMENT", help="the payment's id")
    parser.add_argument(
        "--fingerprint", metavar="HEX", help="which of several versions, or how it begins"
    )


def _retry(session: Session, given: argparse.Namespace) -> int:
    return perform(session, given, "retry", id=given.id, seen_amount=given.seen_amount)


def _retry_arguments(parser: argparse.ArgumentParser) -> None:
    _id_argument(parser)
    parser.add_argument(
        "--seen-amount", metavar="COINS", help="of a parked swap: what the chain has shown"
    )


def _release(session: Session, given: argparse.Namespace) -> int:
    return perform(session, given, "release", id=given.id)


def _id_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="of a payment, batch, payout, swap or transfer")


def _cancel(session: Session, given: argparse.Namespace) -> int:
    return perform(session, given, "cancel", unique_id=given.transfer)


def _cancel_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("transfer", metavar="TRANSFER", help="the transfer's id")


def _redrive(session: Session, given: argparse.Namespace) -> int:
    return perform(
        session,
        given,
        "redrive",
        queue=given.queue,
        limit=given.limit,
        discard_poison=True if given.discard_poison else None,
    )


def _redrive_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("queue", metavar="QUEUE", help="the queue, without -dlq")
    parser.add_argument("--limit", type=limit, metavar="N", help="at most so many dead letters")
    parser.add_argument(
        "--discard-poison", action="store_true", help="throw away what nobody can read"
    )


def limit(text: str) -> int:
    """A number of rows. Raises ArgumentTypeError."""
    if not text.isdigit() or not 1 <= int(text) <= LIMIT_MAX:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {LIMIT_MAX}")
    return int(text)


def _pause(session: Session, given: argparse.Namespace) -> int:
    return perform(session, given, "pause", part=given.part)


def _resume(session: Session, given: argparse.Namespace) -> int:
    return perform(session, given, "resume", part=given.part)


def _part_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("part", choices=PARTS)


def _activate(session: Session, given: argparse.Namespace) -> int:
    return perform(session, given, "wallets activate", address=given.address)


def _wallet_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="0x and 40 hex digits")


SUBCOMMANDS = (
    Subcommand(
        name="accept",
        help="credit a held payment: you vouch for what it was held for",
        run=_accept,
        arguments=_accept_arguments,
        changes=True,
        asks=True,
        rehearsed=True,
    ),
    Subcommand(
        name="reject",
        help="a held payment is never credited",
        run=_reject,
        arguments=_held_arguments,
        changes=True,
        asks=True,
        rehearsed=True,
    ),
    Subcommand(
        name="retry",
        help="what is parked goes on from where it stands",
        run=_retry,
        arguments=_retry_arguments,
        changes=True,
        asks=True,
        rehearsed=True,
    ),
    Subcommand(
        name="release",
        help="what is not paid, and cannot be any more, is given back to its payments",
        run=_release,
        arguments=_id_argument,
        changes=True,
        asks=True,
        rehearsed=True,
    ),
    Subcommand(
        name="cancel",
        help="0 wei to ourselves on the nonce of a transfer that is out; the chain decides",
        run=_cancel,
        arguments=_cancel_arguments,
        changes=True,
        asks=True,
        rehearsed=True,
    ),
    Subcommand(
        name="redrive",
        help="send anew what dead letters were about, as their rows stand now",
        run=_redrive,
        arguments=_redrive_arguments,
        changes=True,
        asks=True,
        rehearsed=True,
    ),
    Subcommand(
        name="pause",
        help="stop a part before its next irreversible step",
        run=_pause,
        arguments=_part_argument,
        changes=True,
    ),
    Subcommand(
        name="resume",
        help="let a part go on: what has waited is paid, converted or credited",
        run=_resume,
        arguments=_part_argument,
        changes=True,
        asks=True,
    ),
    Subcommand(
        name="wallets activate",
        help="let a frozen wallet sign again, once the chain counts what we gave out",
        run=_activate,
        arguments=_wallet_argument,
        changes=True,
        asks=True,
        rehearsed=True,
    ),
)
