"""Why a swap ended, or is parked until a person has looked: exchanges of batches and payouts."""

from microbatch.operations.reasons.reason import Reason

ITSELF = "itself: its payments go back and are tried again"
EXCHANGE_ANSWERS_WRONG = (
    "Compare the exchange with the swap at ChangeNOW; report it when it recurs."
)
OPERATOR = "an operator, or the exchange by delivering after all"

REFUSED = (
    Reason(
        "deposit_too_small",
        "The exchange takes more at least than was offered.",
        ITSELF,
        "Nothing is to be done: the minimum is noted and kept from now on.",
    ),
    Reason(
        "out_of_range",
        "The amount is outside of what the exchange takes.",
        ITSELF,
        "Nothing is to be done: the range is noted and kept from now on.",
    ),
    Reason(
        "max_amount_exceeded",
        "The exchange takes less at most than was offered.",
        ITSELF,
        "Nothing is to be done: the maximum is noted and kept from now on.",
    ),
    Reason(
        "pair_is_inactive",
        "The exchange does not exchange this pair any more.",
        "ChangeNOW; an instant payment is accumulated instead",
        "Look at the pair at ChangeNOW; the client may have to choose another coin.",
    ),
    Reason(
        "malformed_answer",
        "The exchange was made for something else than was asked for, so it is not paid.",
        ITSELF,
        EXCHANGE_ANSWERS_WRONG,
    ),
    Reason(
        "payin_address_malformed",
        "The exchange named something that is not an Ethereum address to pay to.",
        ITSELF,
        EXCHANGE_ANSWERS_WRONG,
    ),
    Reason(
        "payin_needs_extra_id",
        "The exchange wants a memo with our payment, which cannot be given.",
        ITSELF,
        EXCHANGE_ANSWERS_WRONG,
    ),
    Reason(
        "exchange_of_another_pair",
        "The exchange was made for other currencies than were asked for.",
        ITSELF,
        EXCHANGE_ANSWERS_WRONG,
    ),
    Reason(
        "payout_address_differs",
        "The exchange would pay to another address than was asked for.",
        ITSELF,
        EXCHANGE_ANSWERS_WRONG,
    ),
    Reason(
        "from_amount_differs",
        "The exchange was made for another amount than was asked for.",
        ITSELF,
        EXCHANGE_ANSWERS_WRONG,
    ),
    Reason(
        "quote_missing",
        "The exchange did not say what it would deliver.",
        ITSELF,
        "Nothing is to be done, unless it recurs: then ask ChangeNOW.",
    ),
    Reason(
        "quote_out_of_band",
        "What the exchange would deliver is too far from what it is worth.",
        ITSELF,
        "Compare its rate with a third source; wait when the market is wild.",
    ),
    Reason(
        "quote_for_another_amount",
        "The exchange answered for another amount than was asked for.",
        ITSELF,
        EXCHANGE_ANSWERS_WRONG,
    ),
    Reason(
        "below_minimum",
        "The amount is less than the exchange takes for this pair.",
        "further payments; an instant payment is accumulated instead",
        "Nothing is to be done; the client may raise its threshold or choose another coin.",
    ),
    Reason(
        "above_maximum",
        "The amount is more than the exchange takes for this pair.",
        ITSELF,
        "Nothing is to be done: the maximum is noted and kept from now on.",
    ),
    Reason(
        "exchange_does_not_answer",
        "ChangeNOW has not answered for a day.",
        "itself: the payment is accumulated, or paid an hour later",
        "Look at ChangeNOW's status page and at the dead letters of swap-quote and swap-create.",
    ),
)

PARKED = (
    Reason(
        "arrived_differs_from_provider",
        "What arrived on the chain is over 1 % off what the exchange says it paid.",
        OPERATOR,
        "Compare the transaction with the exchange, and ask ChangeNOW for the difference.",
    ),
    Reason(
        "arrived_differs_from_quote",
        "What arrived on the chain is far off what was quoted, and the exchange names no amount.",
        OPERATOR,
        "Compare the transaction with the exchange, and ask ChangeNOW what it paid.",
    ),
    Reason(
        "payout_shared_with_another_swap",
        "One transaction is said to pay several of our swaps, and its amounts do not tell which.",
        OPERATOR,
        "Divide the transaction's transfers over the swaps with ChangeNOW's help.",
    ),
    Reason(
        "receipt_used_before",
        "The transaction that the exchange names has been booked for another swap.",
        OPERATOR,
        "Ask ChangeNOW which transaction paid this exchange.",
    ),
    Reason(
        "refund_is_not_what_was_paid",
        "What came back is nothing, or more than we had paid.",
        OPERATOR,
        "Look at the refund's transaction, and ask ChangeNOW.",
    ),
    Reason(
        "refund_used_before",
        "The refund's transaction has been booked for another swap.",
        OPERATOR,
        "Ask ChangeNOW which transaction paid this exchange back.",
    ),
    Reason(
        "refund_differs_from_provider",
        "What came back on the chain is over 1 % off what the exchange says it gave back.",
        OPERATOR,
        "Compare the refund's transaction with the exchange, and ask ChangeNOW.",
    ),
    Reason(
        "refund_loss_too_large",
        "Far less came back than we had paid.",
        OPERATOR,
        "Ask ChangeNOW why; its loss is the clients' once it is booked.",
    ),
)
