"""Whether the wallet's next nonce may go to a transfer."""

from microbatch.hostpay.fees import above_ceiling, fees_for
from microbatch.hostpay.model import WINDOW, Limits, Ruling, Transfer, Verdict, WalletState


def clearance(transfer: Transfer, wallet: WalletState, limits: Limits) -> Ruling:
    """Whether the next nonce may go to this transfer; asked under the wallet's lock."""
    assert transfer.preflight_latest_nonce is not None
    assert transfer.preflight_pending_nonce is not None
    assert transfer.preflight_balance_wei is not None
    if wallet.status != "active":
        return Ruling(Verdict.WAIT, "wallet_frozen")
    seen = max(transfer.preflight_latest_nonce, transfer.preflight_pending_nonce)
    if seen > wallet.next_nonce:
        return Ruling(Verdict.FREEZE, f"chain has nonce {seen}, we gave out {wallet.next_nonce}")
    if wallet.in_flight >= WINDOW:
        return Ruling(Verdict.WAIT, "window_full")
    fees = fees_for(transfer)
    if above_ceiling(fees, transfer, limits):
        return Ruling(Verdict.WAIT, "gas_price_above_ceiling")
    if fees.gas_limit > limits.gas_limit_ceiling:
        return Ruling(Verdict.PARK, "gas_limit_above_ceiling")
    if wallet.signed_today_wei + transfer.value_wei > limits.daily_max_wei:
        return Ruling(Verdict.WAIT, "daily_limit_reached")
    needed = transfer.value_wei + fees.cost_wei + limits.gas_reserve_wei
    if transfer.preflight_balance_wei - wallet.in_flight_cost_wei < needed:
        return Ruling(Verdict.WAIT, "short_of_funds")
    if transfer.token and (transfer.preflight_token_units or 0) < transfer.amount_units:
        return Ruling(Verdict.WAIT, "short_of_token")
    return Ruling(Verdict.SIGN)
