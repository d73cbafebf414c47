"""Why a payment is held, and why no batch is opened over those that are pending."""

from microbatch.operations.reasons.reason import Reason

OPERATOR = "an operator"

HELD = (
    Reason(
        "unknown_client",
        "The payment names a client that is not registered.",
        OPERATOR,
        "Register the client and accept the payment, or reject it.",
    ),
    Reason(
        "client_paused",
        "The client is paused: nothing is credited or paid to it.",
        OPERATOR,
        "Resume the client: what was held meanwhile is credited by itself. Accept it alone before.",
    ),
    Reason(
        "wrong_asset",
        "What arrived is not ETH on Ethereum, the only asset that is converted.",
        OPERATOR,
        "Nobody can vouch for it: settle it with the client by hand, then reject it.",
    ),
    Reason(
        "redeposit",
        "Somebody paid once more to the address of an earlier payment.",
        OPERATOR,
        "Look at the earlier payment; accept it when the money is really there a second time.",
    ),
    Reason(
        "conflict",
        "A payment of this id is in the books with other particulars.",
        OPERATOR,
        "Compare both with the sender's dashboard; accept only what is another payment.",
    ),
    Reason(
        "implausible_amount",
        "The amount cannot be right: zero, above the limit, or far above its invoice.",
        OPERATOR,
        "Look up the amount on the chain; accept it with what really arrived, or reject it.",
    ),
    Reason(
        "amount_unknown",
        "The notification does not say how much arrived.",
        OPERATOR,
        "Look up the amount on the chain and accept it with that.",
    ),
    Reason(
        "malformed",
        "The notification is authentic, but could not be read.",
        OPERATOR,
        "Read its body, have the sender send it again in a form that can be read, then reject it.",
    ),
    Reason(
        "ingress_paused",
        "Ingress is paused: payments are stored, and nothing is credited.",
        "an operator, by resuming ingress",
        "Resume ingress: what was held meanwhile is credited by itself, in the order of arrival.",
    ),
)

NOT_CONVERTED = (
    Reason(
        "conversion_paused",
        "Conversion is paused: no batch is opened, and none that is open is paid for.",
        "an operator, by resuming conversion",
        "Find out who paused it and why (`acts`), then resume it.",
    ),
    Reason(
        "nothing_pending",
        "There is no pending payment.",
        "the next payment",
        "Nothing is to be done.",
    ),
    Reason(
        "below_threshold",
        "What there is has not reached its threshold.",
        "further payments; a batch is opened at its greatest age too",
        "Nothing is to be done; the threshold can be changed.",
    ),
    Reason(
        "stale_observations",
        "Price or range of the exchange are older than may be used.",
        "the node and ChangeNOW, once they answer again",
        "Look whether chain_gateway and swap_quoter are dead-lettering, and at the two providers.",
    ),
    Reason(
        "below_provider_minimum",
        "All that is pending is less than the exchange takes.",
        "further payments, or a lower minimum of the exchange",
        "Nothing is to be done, unless it goes on for days: then raise the threshold.",
    ),
    Reason(
        "above_provider_maximum",
        "A single payment is more than the exchange takes.",
        "a higher maximum of the exchange",
        "Ask ChangeNOW about its maximum for ETH to USDT.",
    ),
    Reason(
        "rate_out_of_band",
        "The exchange's rate is too far from the price observed on the chain.",
        "the market, or the price feed",
        "Compare rate and price with a third source; wait when the market is wild.",
    ),
)
