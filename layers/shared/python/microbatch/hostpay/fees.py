"""What a transaction offers for its gas, and where that ends."""

from microbatch.hostpay.model import Fees, Limits, Transfer

BUMP_PERMILLE = 1125  # nodes replace a transaction for 10 % more on both fields; we give 12.5 %


def bumped(fees: Fees, base_fee_wei: int | None) -> Fees:
    """The fees of the next bytes on the same nonce: both at least 12.5 % up, rounded up.

    The cap also follows the base fee of now, where that is known, to twice of it and the tip.
    """
    tip = _raised(fees.max_priority_fee_per_gas_wei)
    cap = max(_raised(fees.max_fee_per_gas_wei), tip)
    if base_fee_wei is not None:
        cap = max(cap, 2 * base_fee_wei + tip)
    return Fees(fees.gas_limit, cap, tip)


def _raised(fee_wei: int) -> int:
    return max(-(-fee_wei * BUMP_PERMILLE // 1000), fee_wei + 1)


def above_ceiling(fees: Fees, transfer: Transfer, limits: Limits) -> bool:
    """Whether these fees pass the ceiling, absolute or relative to what is paid (ETH only)."""
    if fees.max_fee_per_gas_wei > limits.fee_per_gas_ceiling_wei:
        return True
    most = transfer.value_wei * limits.gas_cost_max_percent // 100
    return transfer.token is None and fees.cost_wei > most


def fees_for(transfer: Transfer) -> Fees:
    """Fees from the preflight: twice the base fee and the tip outlast five full blocks.

    The base fee rises by an eighth per block at most (EIP-1559): 1.125^5 < 2. A contract receiver
    may use more gas than its estimate, so a fifth is added; a plain transfer never does.
    """
    assert transfer.preflight_gas is not None
    assert transfer.preflight_base_fee_wei is not None
    assert transfer.preflight_tip_wei is not None
    gas = transfer.preflight_gas
    tip = transfer.preflight_tip_wei
    return Fees(
        gas_limit=gas if gas == 21_000 else gas + gas // 5,
        max_fee_per_gas_wei=max(2 * transfer.preflight_base_fee_wei + tip, 1),
        max_priority_fee_per_gas_wei=tip,
    )
