"""Faults between an approval and a receipt: what is signed, on which nonce, what is believed."""

from tests.simulation.fault import Fault

FAULTS = (
    # --- approval ---
    Fault(
        "any_status_is_approved",
        "hostpay/service.py",
        '    if answer.status == "waiting":\n',
        "    if answer.status not in ENDED:\n",
        "an exchange is paid that somebody else has paid, or that is not there",
    ),
    Fault(
        "approved_as_of_now",
        "hostpay/service.py",
        "    answered_at = min(now, datetime.fromtimestamp(answer.timestamp, UTC))\n",
        "    answered_at = now\n",
        'a "waiting" of long ago approves a payment into an exchange that is over',
    ),
    Fault(
        "approval_never_ages",
        "hostpay/model.py",
        '    if transfer.kind == "exchange" and now - transfer.approved_at > '
        "limits.approval_max_age:\n",
        "    if False:\n",
        "what waited for its turn at the signer is paid into an exchange that is over",
    ),
    Fault(
        "moved_payin_address_is_ignored",
        "hostpay/service.py",
        "    if answer.payin_address.lower() != transfer.to_address.lower():\n",
        "    if False:\n",
        "an exchange is paid at an address that is not its own any more",
    ),
    # --- the signature ---
    Fault(
        "objection_is_ignored",
        "hostpay/signing.py",
        "    if objection is not None:\n",
        "    if False:\n",
        "a client who has moved is paid at the old address",
    ),
    Fault(
        "signs_in_any_state",
        "hostpay/signing.py",
        '    if transfer.state != "approved":\n        return []\n',
        '    if transfer.state not in ("approved", "rejected"):\n        return []\n',
        "a transfer that was given up, its money given back, is paid all the same",
    ),
    Fault(
        "wallet_is_not_locked",
        "hostpay/wallet_store.py",
        '        "SELECT first_nonce, next_nonce, status, pool_room FROM wallets"\n'
        '        " WHERE address = %(wallet)s AND chain_id = %(chain_id)s FOR UPDATE",\n',
        '        "SELECT first_nonce, next_nonce, status, pool_room FROM wallets"\n'
        '        " WHERE address = %(wallet)s AND chain_id = %(chain_id)s",\n',
        "two signers look at the same limits, and each spends what is left of them",
        guarded_by="the key of the nonces: both take the same one, and one of them begins again",
    ),
    Fault(
        "nonce_is_given_again",
        "hostpay/wallet_store.py",
        "            UPDATE wallets SET next_nonce = next_nonce + 1\n",
        "            UPDATE wallets SET next_nonce = greatest(next_nonce, next_nonce)\n",
        "a nonce is given to two transfers: one of them is never made",
    ),
    Fault(
        "nonce_is_skipped",
        "hostpay/wallet_store.py",
        "            UPDATE wallets SET next_nonce = next_nonce + 1\n",
        "            UPDATE wallets SET next_nonce = next_nonce + 1 + next_nonce % 2\n",
        "a nonce is left out: everything after it is stuck",
    ),
    Fault(
        "wrong_unit_of_a_token",
        "hostpay/fees.py",
        "    scale = ETH_DECIMALS - DECIMALS[transfer.currency, transfer.network]\n",
        "    scale = 0\n",
        "a wrong unit: no transfer of USDT ever seems worth its gas, and clients wait for ever",
    ),
    Fault(
        "other_bytes_are_stored",
        "hostpay/signing.py",
        "        fees=fees,\n        raw_transaction=signed.raw,\n",
        "        fees=fees,\n        raw_transaction=signed.raw[:-1],\n",
        "what is sent again after a crash is not what was signed: the nonce is stuck",
    ),
    Fault(
        "sent_before_the_commit",
        "wiring/steps.py",
        "    _hand_on(transact(lambda tx, now: act(message, tx, now, *arguments)))\n",
        "    transact(lambda tx, now: _hand_on(act(message, tx, now, *arguments)))\n",
        "bytes leave whose commit fails: what they pay stands in no book",
    ),
    # --- bumps ---
    Fault(
        "bump_is_too_small",
        "hostpay/fees.py",
        "BUMP_PERMILLE = 1125 ",
        "BUMP_PERMILLE = 1090 ",
        "no node takes the bump: cheap bytes stop everything behind them",
    ),
    Fault(
        "bump_pays_more",
        "hostpay/attempt_store.py",
        "            %(now)s, to_address, value_wei, data, gas_limit, %(max_fee)s, %(tip)s\n",
        "            %(now)s, to_address, value_wei + %(max_fee)s, data, gas_limit, %(max_fee)s,"
        " %(tip)s\n",
        "the bytes that are mined pay another amount than the transfer",
    ),
    Fault(
        "bumped_at_once",
        "hostpay/bumping.py",
        "    if seen.head_number - attempt.unmined_at_block < policy.limits.bump_after_blocks:\n",
        "    if False:\n",
        "every question for a receipt makes the gas dearer, up to the ceiling",
    ),
    # --- the chain's word ---
    Fault(
        "reorganised_block_is_believed",
        "hostpay/recording.py",
        '    on_chain = message.status != "absent" and message.block_hash == '
        "message.canonical_hash\n",
        '    on_chain = message.status != "absent"\n',
        "a payment counts that stands in a block which is not of the chain any more",
    ),
    Fault(
        "reorganisation_is_ignored",
        "hostpay/recording.py",
        '        if transfer.state == "mined" and not lags:\n',
        "        if False:\n",
        "a payment that a reorganisation has taken away is never sent again",
    ),
    Fault(
        "confirmed_too_early",
        "hostpay/recording.py",
        "    if message.head_number - message.block_number + 1 < policy.confirmations:\n",
        "    if message.head_number < message.block_number:\n",
        "a payment that a reorganisation may take away counts as made",
    ),
    Fault(
        "reverted_is_paid",
        "hostpay/recording.py",
        '    elif message.status == "reverted":\n',
        "    elif False:\n",
        "a payment that was refused counts as made: nobody has the money",
    ),
    Fault(
        "failed_before_it_is_final",
        "hostpay/recording.py",
        "        and message.finalized_nonce > transfer.nonce\n"
        "        and 0 < message.block_number <= message.finalized_number\n",
        "",
        "money goes back for a payment that a reorganisation makes after all",
    ),
    Fault(
        "final_by_the_count_alone",
        "hostpay/recording.py",
        "        and 0 < message.block_number <= message.finalized_number\n",
        "",
        "money goes back for a payment that a reorganisation makes after all: one count was wrong",
    ),
    Fault(
        "failed_transfer_is_kept_quiet",
        "hostpay/due.py",
        '    if transfer.state in ("rejected", "failed"):\n',
        '    if transfer.state == "rejected":\n',
        "of a payment that failed nobody hears, and its money never comes back",
    ),
    Fault(
        "completed_by_a_message",
        "hostpay/service.py",
        '    if transfer.state not in ("confirmed", "settled"):\n',
        "    if False:\n",
        "a payout is called paid by a message that came late, when its transfer is out again",
        guarded_by="the message itself, only sent of what is confirmed, which stays so",
    ),
    Fault(
        "gas_price_is_the_limit",
        "hostpay/store.py",
        "        price=int(seen.effective_gas_price_wei),\n",
        "        price=int(seen.effective_gas_price_wei) + 1,\n",
        "the books say more gas than was paid: what is in the wallet belongs to nobody",
    ),
)
