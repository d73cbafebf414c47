"""Whether the wallet's next nonce may go to a transfer."""

from decimal import Decimal

from microbatch.hostpay.fees import above_ceiling, fees_for, worth_wei
from microbatch.hostpay.model import Limits, Ruling, Transfer, Verdict, WalletState

WINDOW_FULL = "window_full"


def adoption_refusal(transfer: Transfer, limits: Limits) -> str | None:
    """Why a wallet that is not in our books may not be taken into them; or None.

    It begins at its finalized count, with nothing in flight; and only at the count that the
    configuration names: books that have lost what a wallet sent do not begin again with it.
    """
    ours = limits.host_wallet(transfer.wallet)
    assert ours is not None
    finalized = transfer.preflight_finalized_nonce
    if {transfer.preflight_latest_nonce, transfer.preflight_pending_nonce} != {finalized}:
        return "wallet_has_open_nonces"
    if finalized != ours.first_nonce:
        return (
            f"wallet_has_a_history: its count is {finalized}, and HOST_WALLET_ADDRESS"
            f" says {ours.first_nonce}"
        )
    return None


def clearance(
    transfer: Transfer, wallet: WalletState, limits: Limits, eth_usd: Decimal | None
) -> Ruling:
    """Whether the next nonce may go to this transfer; asked under the wallet's lock."""
    assert transfer.preflight_latest_nonce is not None
    assert transfer.preflight_pending_nonce is not None
    if wallet.status != "active":
        return Ruling(Verdict.WAIT, "wallet_frozen")
    seen = max(transfer.preflight_latest_nonce, transfer.preflight_pending_nonce)
    if seen > wallet.next_nonce:
        return Ruling(
            Verdict.FREEZE,
            f"nonces_are_not_ours: the chain has {seen}, we gave out {wallet.next_nonce}",
        )
    if wallet.in_flight >= min(limits.window, wallet.pool_room or limits.window):
        return Ruling(Verdict.WAIT, WINDOW_FULL)
    return _gas(transfer, limits, eth_usd) or _money(transfer, wallet, limits)


def _gas(transfer: Transfer, limits: Limits, eth_usd: Decimal | None) -> Ruling | None:
    fees, paid_wei = fees_for(transfer), worth_wei(transfer, eth_usd)
    if paid_wei is None:
        return Ruling(Verdict.WAIT, "no_fresh_price")
    if above_ceiling(fees, paid_wei, limits):
        return Ruling(Verdict.WAIT, "gas_price_above_ceiling")
    if fees.gas_limit > limits.gas_limit_ceiling:
        return Ruling(Verdict.PARK, "gas_limit_above_ceiling")
    return None


def _money(transfer: Transfer, wallet: WalletState, limits: Limits) -> Ruling:
    """The day's limits; ETH for gas and value; tokens, less what is on its way already."""
    assert transfer.preflight_balance_wei is not None
    if transfer.token:
        today, most = wallet.signed_today_token_units, limits.daily_max_token_units
    else:
        today, most = wallet.signed_today_wei, limits.daily_max_wei
    if today + transfer.amount_units > most:
        return Ruling(Verdict.WAIT, "daily_limit_reached")
    needed = transfer.value_wei + fees_for(transfer).cost_wei + limits.gas_reserve_wei
    if transfer.preflight_balance_wei - wallet.in_flight_cost_wei < needed:
        return Ruling(Verdict.WAIT, "short_of_funds")
    left = (transfer.preflight_token_units or 0) - wallet.in_flight_token_units
    if transfer.token and left < transfer.amount_units:
        return Ruling(Verdict.WAIT, "short_of_token")
    return Ruling(Verdict.SIGN)
