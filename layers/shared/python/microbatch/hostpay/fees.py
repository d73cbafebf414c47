"""What a transaction offers for its gas, and where that ends."""

from decimal import Decimal

from microbatch.hostpay.model import DECIMALS, Fees, Limits, Transfer
from microbatch.money import ETH_DECIMALS

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


def worth_wei(transfer: Transfer, eth_usd: Decimal | None) -> int | None:
    """What is paid, in wei: a USDT counts as a dollar. None when ETH has no price.

    For the ceiling on gas only; no money is computed from it.
    """
    if transfer.token is None:
        return transfer.amount_units
    if not eth_usd:
        return None
    scale = ETH_DECIMALS - DECIMALS[transfer.currency, transfer.network]
    return int(transfer.amount_units * 10**scale / eth_usd)


def above_ceiling(fees: Fees, paid_wei: int, limits: Limits) -> bool:
    """Whether these fees pass the ceiling, absolute or relative to the worth of what is paid."""
    return (
        fees.max_fee_per_gas_wei > limits.fee_per_gas_ceiling_wei
        or fees.cost_wei > paid_wei * limits.gas_cost_max_percent // 100
    )


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
