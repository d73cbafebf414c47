"""Why a transfer out of our wallet waits, is parked, rejected or failed, or its wallet frozen."""

from microbatch.operations.reasons.reason import Reason

ITSELF = "itself: it is looked at again every minute"
OPERATOR = "an operator"
OWNER = "itself: what it was to pay goes back and is tried again"
NODE = "Compare the node with another one; change the RPC endpoint when it is wrong."

WAITS = (
    Reason(
        "approval_too_old",
        "The exchange said too long ago that it waits for the money, so it is asked again.",
        "ChangeNOW, by answering",
        "Nothing is to be done, unless ChangeNOW does not answer.",
    ),
    Reason(
        "no_fresh_preflight",
        "The node has not yet said how wallet and fees stand.",
        "the node, by answering",
        "Nothing is to be done, unless the node does not answer.",
    ),
    Reason(
        "window_full",
        "As many transactions of the wallet are out as may be at once.",
        "the next block",
        "Nothing is to be done, unless blocks come and nothing is mined.",
    ),
    Reason(
        "short_of_funds",
        "The wallet has too little ETH for the amount, its gas and the reserve.",
        "whoever fills the wallet",
        "Send ETH to the wallet.",
    ),
    Reason(
        "insufficient_funds",
        "The node says that the wallet has too little ETH.",
        "whoever fills the wallet",
        "Send ETH to the wallet.",
    ),
    Reason(
        "short_of_token",
        "The wallet has too little USDT, less what is on its way out.",
        "USDT that arrives, or whoever fills the wallet",
        "Compare the wallet's USDT with the books; send USDT to the wallet when it lacks some.",
    ),
    Reason(
        "daily_limit_reached",
        "The wallet has signed as much in 24 hours as it may.",
        "time, or a higher limit",
        "Look whether the day's payments are genuine; then wait, or raise the limit and deploy.",
    ),
    Reason(
        "gas_price_above_ceiling",
        "Gas is dearer than may be paid for this amount.",
        "a lower gas price, or a higher ceiling",
        "Wait for cheaper gas, or raise the ceiling and deploy.",
    ),
    Reason(
        "no_fresh_price",
        "There is no fresh price of ETH to compare the gas of a token transfer with.",
        "the node and its price feed",
        "Look whether chain_gateway answers, and whether the price feed is updated.",
    ),
    Reason(
        "node_of_another_chain",
        "The node is one of another chain.",
        "whoever sets the RPC endpoint",
        "Correct the secret ETHEREUM_RPC_URL.",
    ),
    Reason(
        "hostpay_paused",
        "Host payments are paused: nothing new is signed.",
        "an operator, by resuming hostpay",
        "Find out who paused it and why (`acts`), then resume it.",
    ),
    Reason(
        "wallet_frozen",
        "Nothing is signed from the wallet until a person has looked.",
        OPERATOR,
        "Look at the wallet's own reason; activate it only when every nonce is explained.",
    ),
    Reason(
        "wallet_has_open_nonces",
        "The new wallet has transactions that are not final yet, so the books wait with it.",
        "the chain, once they are final",
        "Look at what the wallet has sent, and who has.",
    ),
    Reason(
        "wallet_has_a_history",
        "The new wallet's transaction count is not the one its configuration names.",
        OPERATOR,
        "Find out what the wallet has sent; then name it with that count (0x…@17) and deploy.",
    ),
    Reason(
        "wallet_has_code",
        "The wallet has code (EIP-7702), so somebody else may move its money.",
        OPERATOR,
        "Move what is left to a new wallet: somebody may have the key.",
    ),
    Reason(
        "exchange_not_waiting",
        "The exchange does not wait for our payment; behind the colon is what it says instead.",
        "ChangeNOW, by saying that it waits",
        "Look at the exchange at ChangeNOW; after a day it is given up by itself.",
    ),
    Reason(
        "fee_ceiling_reached",
        "Its bytes lie unmined, and dearer ones would pass the ceiling of what gas may cost.",
        "a lower gas price, or a higher ceiling",
        "Wait for cheaper gas, raise the ceiling and deploy, or cancel the transfer.",
    ),
    Reason(
        "nonce_consumed_without_receipt",
        "The chain has used its nonce, and no node shows which transaction did.",
        "the node, by finding the transaction",
        NODE,
    ),
)

PARKED = (
    Reason(
        "currency_differs",
        "The order to pay names another currency than the books.",
        OPERATOR,
        "Find out who sent the order; nothing but the books is ever paid.",
    ),
    Reason(
        "amount_differs",
        "The order to pay names another amount than the books.",
        OPERATOR,
        "Find out who sent the order; nothing but the books is ever paid.",
    ),
    Reason(
        "payin_address_differs",
        "The order to pay names another address than the books.",
        OPERATOR,
        "Find out who sent the order; nothing but the books is ever paid.",
    ),
    Reason(
        "payin_address_changed",
        "The exchange now names another address to pay to than when it was made.",
        OPERATOR,
        "Ask ChangeNOW which address is right, and release the transfer: it is made anew.",
    ),
    Reason(
        "payin_checksum_wrong",
        "The address to pay to has a wrong check sum.",
        OPERATOR,
        "Ask ChangeNOW for the address, and release the transfer: it is made anew.",
    ),
    Reason(
        "exchange_paid_by_somebody_else",
        "The exchange has finished without a payment of ours.",
        OPERATOR,
        "Ask ChangeNOW who paid it; never pay it again.",
    ),
    Reason(
        "wallet_is_not_the_configured_one",
        "The transfer is bound to a wallet or chain that is not configured any more.",
        OPERATOR,
        "Configure the wallet again and retry, or release the transfer.",
    ),
    Reason(
        "payee_is_not_on_the_allow_list",
        "The address to pay to is not among those that may be paid.",
        OPERATOR,
        "Find out whose address it is; add it to PAYEE_ALLOW_LIST and retry, or release.",
    ),
    Reason(
        "above_transfer_limit",
        "The amount is more than one transfer may be.",
        OPERATOR,
        "Look whether it is genuine; raise the limit and retry, or release.",
    ),
    Reason(
        "gas_limit_above_ceiling",
        "The payment would use more gas than any plain one does.",
        OPERATOR,
        "Look at the contract behind the address; release the transfer.",
    ),
    Reason(
        "payee_blacklisted",
        "USDT's contract has put the address to pay to on its blacklist.",
        OPERATOR,
        "Release the transfer; the client needs another address.",
    ),
    Reason(
        "token_refuses",
        "USDT's contract refuses the transfer.",
        OPERATOR,
        "Look whether the token is paused; retry when it is not any more.",
    ),
    Reason(
        "receiver_reverts",
        "The contract at the address to pay to refuses ETH.",
        OPERATOR,
        "Release the transfer; the client or the exchange needs another address.",
    ),
    Reason(
        "nonce_consumed_by_another_transaction",
        "A transaction that we did not make has used the transfer's nonce.",
        OPERATOR,
        "Somebody else may have the key: move what is left to a new wallet.",
    ),
)

ENDED = (
    Reason(
        "released_by_operator",
        "An operator has given it up before anything of it could be paid.",
        OWNER,
        "Nothing is to be done: its payments are what they were, and are tried again.",
    ),
    Reason(
        "exchange_failed",
        "The exchange failed before it was paid.",
        OWNER,
        "Nothing is to be done, unless it recurs: then ask ChangeNOW.",
    ),
    Reason(
        "exchange_refunded",
        "The exchange was over before it was paid.",
        OWNER,
        "Nothing is to be done, unless it recurs: then ask ChangeNOW.",
    ),
    Reason(
        "exchange_expired",
        "The exchange did not wait long enough for the payment.",
        OWNER,
        "Look why it was not paid in time: signing, the node, or an outage.",
    ),
    Reason(
        "minimum_raised_to_",
        "The exchange has raised its minimum above the amount before it was paid.",
        OWNER,
        "Nothing is to be done: the minimum is noted and kept from now on.",
    ),
    Reason(
        "address_changed",
        "The client has chosen another address or coin before it was paid.",
        OWNER,
        "Nothing is to be done.",
    ),
    Reason(
        "waited_too_long",
        "The transfer could not be signed for a day; another wallet may have the money.",
        OWNER,
        "Look why it was not signed: the alarm signing_waits names the reason.",
    ),
    Reason(
        "cancelled_by_operator",
        "An operator has cancelled the transfer, and the chain has mined the cancel.",
        OWNER,
        "Nothing is to be done.",
    ),
    Reason(
        "mined_and_reverted",
        "The transaction was mined and moved nothing; only its gas is spent.",
        OWNER,
        "Look at the transaction: the contract behind the address refuses the payment.",
    ),
)

FROZEN = (
    Reason(
        "nonces_are_not_ours",
        "The chain has more transactions of the wallet than our books.",
        OPERATOR,
        "Find who signed them: another holder of the key, or books restored from an old backup.",
    ),
)
