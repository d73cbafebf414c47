"""Errors that nodes and providers really give, by name: their words and codes.

Figures in the messages are samples. Most are answers to eth_sendRawTransaction; `EVERYWHERE` are
those that any method can meet.
"""

from dataclasses import dataclass

SERVER_ERROR = -32000
REJECTED = -32010  # OpenEthereum's, and Nethermind's for what its pool refuses


@dataclass(frozen=True, slots=True)
class RpcError:
    """What goes under `error`."""

    message: str
    code: int = SERVER_ERROR
    data: str | None = None

    def as_json(self) -> dict[str, object]:
        """The object on the wire."""
        body: dict[str, object] = {"code": self.code, "message": self.message}
        return body if self.data is None else {**body, "data": self.data}


_KNOWN = {
    "already_known": RpcError("already known"),
    "known_transaction": RpcError("known transaction: 5c504ed432cb51138bcf09aa5e8a410dd4a1e204"),
    "erigon_already_known": RpcError("ALREADY_EXISTS: already known"),
    "erigon_existing_tx": RpcError("INTERNAL_ERROR: existing tx with same hash"),
    "existing_txn": RpcError("existing txn with same hash"),
    "nethermind_already_known": RpcError("AlreadyKnown", REJECTED),
}
_NONCE = {
    "nonce_too_low": RpcError("nonce too low"),
    "nonce_too_low_detailed": RpcError("nonce too low: next nonce 8, tx nonce 7"),
    "erigon_nonce_too_low": RpcError("INTERNAL_ERROR: nonce too low"),
    "nethermind_old_nonce": RpcError("OldNonce, Current nonce: 8, nonce of rejected tx: 7"),
    "parity_nonce_too_low": RpcError(
        "Transaction nonce is too low. Try incrementing the nonce.", REJECTED
    ),
    "nonce_too_high": RpcError("nonce too high"),
    "nethermind_nonce_gap": RpcError("NonceGap, Future nonce. Expected nonce: 7", REJECTED),
    "gapped_nonce_delegated": RpcError("gapped-nonce tx from delegated accounts"),
    "nonce_too_far": RpcError("nonce too far in the future"),
    "exceeds_next_nonce": RpcError("tx nonce 9 exceeds next nonce 7"),
    "future_replaces_pending": RpcError("future transaction tries to replace pending"),
}
_PRICE = {
    "replacement_underpriced": RpcError("replacement transaction underpriced"),
    "erigon_could_not_replace": RpcError("INTERNAL_ERROR: could not replace existing tx"),
    "parity_same_nonce": RpcError(
        "Transaction gas price is too low. There is another transaction with same nonce in the "
        "queue. Try increasing the gas price or incrementing the nonce.",
        REJECTED,
    ),
    "nethermind_own_nonce_used": RpcError("OwnNonceAlreadyUsed", REJECTED),
    "underpriced": RpcError("transaction underpriced"),
    "underpriced_bare": RpcError("underpriced"),
    "gas_price_below_minimum": RpcError("transaction gas price below minimum"),
    "fee_too_low": RpcError("fee too low"),
    "nethermind_fee_too_low": RpcError("FeeTooLow, MaxFeePerGas too low", REJECTED),
    "tip_below_minimum": RpcError("gas tip cap 1, minimum needed 1000000"),
    "below_base_fee": RpcError(
        "max fee per gas less than block base fee: maxFeePerGas: 7, baseFee: 875000000"
    ),
}
_FUNDS = {
    "insufficient_funds": RpcError("insufficient funds for gas * price + value"),
    "insufficient_funds_detailed": RpcError(
        "insufficient funds for gas * price + value: balance 10, queued cost 9, tx cost 5, "
        "overshot 4"
    ),
    "insufficient_funds_transfer": RpcError("insufficient funds for transfer"),
    "nethermind_insufficient_funds": RpcError("InsufficientFunds, Balance is 10", REJECTED),
    "besu_upfront_cost": RpcError("Upfront cost exceeds account balance", -32004),
    "erigon_insufficient_funds": RpcError("INTERNAL_ERROR: insufficient funds"),
}
_POOL = {
    "pool_full": RpcError("txpool is full"),
    "erigon_pending_pool_full": RpcError("pending sub-pool is full"),
    "erigon_base_fee_pool_full": RpcError("baseFee sub-pool is full"),
    "erigon_queued_pool_full": RpcError("queued sub-pool is full"),
    "parity_queue_full": RpcError(
        "There are too many transactions in the queue. Your transaction was dropped due to limit. "
        "Try increasing the fee.",
        REJECTED,
    ),
    "account_limit": RpcError("account limit exceeded"),
    "spammer": RpcError("spammer"),
    "delegated_limit": RpcError("in-flight transaction limit reached for delegated accounts"),
    "address_reserved": RpcError("address already reserved"),
}
_GAS = {
    "intrinsic_gas": RpcError("intrinsic gas too low"),
    "intrinsic_gas_detailed": RpcError("intrinsic gas too low: gas 20999, minimum needed 21000"),
    "erigon_intrinsic_gas": RpcError("INTERNAL_ERROR: IntrinsicGas should never be higher than 1"),
    "floor_gas": RpcError("insufficient gas for floor data gas cost"),
    "runtime_charge": RpcError("out of gas covering EIP-2780 runtime charge"),
    "exceeds_block_gas": RpcError("exceeds block gas limit"),
    "gas_limit_too_high": RpcError("transaction gas limit too high"),
    "gas_limit_is_too_high": RpcError("gas limit is too high"),
    "oversized_data": RpcError("oversized data: transaction size 131073, limit 131072"),
    "fee_cap": RpcError("tx fee (2.10 ether) exceeds the configured cap (1.00 ether)"),
}
_MALFORMED = {
    "tip_above_fee": RpcError(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: 2, "
        "maxFeePerGas: 1"
    ),
    "invalid_sender": RpcError("invalid sender"),
    "invalid_chain_id": RpcError("invalid chain id for signer: have 1 want 5"),
    "only_replay_protected": RpcError("only replay-protected (EIP-155) transactions allowed"),
    "negative_value": RpcError("negative value"),
    "rlp": RpcError("rlp: expected input list for types.LegacyTx"),
}
EVERYWHERE = {
    "limit_exceeded": RpcError("limit exceeded", -32005),
    "compute_units": RpcError(
        "Your app has exceeded its compute units per second capacity. If you have retries "
        "enabled, you can safely ignore this message.",
        429,
    ),
    "internal_error": RpcError("Internal error", -32603),
    "timed_out": RpcError("request timed out", -32002),
    "method_not_found": RpcError("the method does not exist/is not available", -32601),
    "unknown": RpcError("the moon is in the wrong phase", -32099),
    "reverted": RpcError("execution reverted", 3, "0x"),
    "indexing": RpcError("transaction indexing is in progress"),
    "finalized_not_found": RpcError("finalized block not found", -39001),
    "unknown_block": RpcError("Unknown block", -39001),
    "tag_not_supported": RpcError("invalid argument 1: hex string without 0x prefix", -32602),
}
ERRORS: dict[str, RpcError] = {
    **_KNOWN,
    **_NONCE,
    **_PRICE,
    **_FUNDS,
    **_POOL,
    **_GAS,
    **_MALFORMED,
    **EVERYWHERE,
}
