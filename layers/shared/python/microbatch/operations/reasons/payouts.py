"""Why a client is not paid now."""

from microbatch.operations.reasons.reason import Reason

PROVIDER = "the node and ChangeNOW, by answering"

WAITS = (
    Reason(
        "payout_paused",
        "Payouts are paused: none is opened, and none that is open is paid.",
        "an operator, by resuming payout",
        "Find out who paused it and why (`acts`), then resume it.",
    ),
    Reason(
        "address_unverified",
        "ChangeNOW has not yet said whether the client's address is one.",
        "ChangeNOW, by answering",
        "Nothing is to be done, unless ChangeNOW does not answer.",
    ),
    Reason(
        "address_refused",
        "ChangeNOW does not take the client's address.",
        "the client, by another address",
        "Ask the client for another address, and set it.",
    ),
    Reason(
        "address_changed_lately",
        "The client's address was changed lately, and nothing is paid to it for a while.",
        "time",
        "Nothing is to be done, if the client knows of the change.",
    ),
    Reason(
        "no_fresh_observation",
        "Price and fees are older than may be used.",
        PROVIDER,
        "Look whether chain_gateway is dead-lettering, and at the node.",
    ),
    Reason(
        "minimum_not_known_yet",
        "ChangeNOW has not yet said what it takes for the client's coin.",
        PROVIDER,
        "Nothing is to be done, unless ChangeNOW does not answer.",
    ),
    Reason(
        "one_payment_is_above_the_cap",
        "A single payment is more than one payout may be.",
        "an operator, by a higher cap",
        "Raise the cap of a payout, or of the first one to an address, and deploy.",
    ),
    Reason(
        "gas_too_dear",
        "Gas costs more than it may of what is paid.",
        "a lower gas price or further payments; an instant payment is accumulated instead",
        "Nothing is to be done, unless it goes on: then the client needs a higher threshold.",
    ),
    Reason(
        "refunded",
        "The exchange gave the money back; it is converted or paid once more.",
        "itself, an hour later",
        "Nothing is to be done, unless it recurs: then ask ChangeNOW.",
    ),
    Reason(
        "tried_again_within_the_hour",
        "The last payout was not made, and the next try is due within the hour.",
        "time",
        "Nothing is to be done; the last payout says why it was not made.",
    ),
    Reason(
        "next_run_of_the_scheduler",
        "The payment is paid at the scheduler's next run.",
        "the scheduler, every five minutes",
        "Nothing is to be done, unless payout_scheduler does not run.",
    ),
)
