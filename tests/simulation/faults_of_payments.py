"""Faults between a notification and a client's account: intake, batches, payouts."""

from tests.mutation.project import Edit
from tests.simulation.fault import Fault

STILL_PENDING = (
    "conversion/store.py",
    "    WHERE {CLAIMABLE}\n        AND (received_at, payment_id) <=",
    "    WHERE state IN ('pending', 'swapping')\n        AND (received_at, payment_id) <=",
)
CHECKS_WAIT = (
    '    tx.execute("SELECT pg_advisory_xact_lock(%(lock)s)", lock=CLAIM_LOCK)\n',
    "    tx.execute(\"SELECT set_config('enable_indexscan', 'on', true)\")\n",
)
# Whatever ends a swap that has a transfer has ended the transfer before: its own end, by its row,
# or an operator's release, which is refused while anything of it may still be mined.
ENDS_FIRST = "the end of the transfer, which comes before that of its swap"

FAULTS = (
    # --- what comes in ---
    Fault(
        "redeposit_is_credited",
        "intake/model.py",
        "    if notice.parent_payment_id and HoldReason.REDEPOSIT not in vouched:\n",
        "    if False:\n",
        "a second deposit to an address, which nobody has looked at, is credited to a client",
    ),
    Fault(
        "implausible_is_credited",
        "intake/model.py",
        "    if received_wei > policy.max_payment_wei:\n",
        "    if False:\n",
        "an amount that somebody has mixed up is credited, and paid from others' money",
    ),
    Fault(
        "any_asset_is_eth",
        "intake/model.py",
        "    if (notice.received_currency, notice.received_network) != CONVERTIBLE:\n",
        "    if False:\n",
        "a token of no worth is credited as so many ETH",
    ),
    Fault(
        "fee_is_paid_out_too",
        "money.py",
        "    return fee, Wei(received - fee)\n",
        "    return fee, Wei(received)\n",
        "the client is credited the fee that is booked as ours",
    ),
    Fault(
        "failed_message_is_acknowledged",
        "platform/retry.py",
        "            self._hide(record)\n            return False\n",
        "            self._hide(record)\n            return True\n",
        "a payment whose storing failed is deleted from its queue: it was never here",
    ),
    Fault(
        "first_failure_is_the_last",
        "platform/retry.py",
        "    return Action.WAIT\n",
        "    return Action.DEAD_LETTER\n",
        "a database that is away for a second moves payments to where nobody books them",
    ),
    Fault(
        "sender_is_told_too_early",
        "wiring/steps.py",
        '        return http_answer(503, {"error": "not stored, send it again"})\n',
        "        return http_answer(answer.status_code, answer.fields)\n",
        "a notification that could not be queued is answered 200, and never sent again",
    ),
    # --- batches ---
    Fault(
        "two_checks_claim_the_same",
        *STILL_PENDING,
        "two checks at once claim, each, what the other has: one payment in two batches",
        also=(Edit("conversion/store.py", *CHECKS_WAIT),),
    ),
    Fault(
        "checks_do_not_wait",
        "conversion/store.py",
        *CHECKS_WAIT,
        "two checks at once decide about the same payments: one payment in two batches",
        guarded_by="each row, which is moved only while it is pending",
    ),
    Fault(
        "batch_is_rounded_up",
        "conversion/checking.py",
        "            from_amount_units=claimed.net_wei,\n",
        "            from_amount_units=-(-claimed.net_wei // 10**12) * 10**12,\n",
        "the exchange is paid up to a millionth of an ETH more than customers paid",
    ),
    Fault(
        "shares_are_rounded",
        "conversion/sharing_store.py",
        """\
            share_microusdt = div(%(total)s * up_to_here, whole)
                - div(%(total)s * (up_to_here - running.convertible_wei), whole)
""",
        "            share_microusdt = div(%(total)s * running.convertible_wei, whole)\n",
        "every share is rounded down by itself: what is left over belongs to nobody",
    ),
    Fault(
        "refund_is_rounded",
        "conversion/sharing_store.py",
        """\
                div(%(came_back)s * up_to, whole)
                    - div(%(came_back)s * (up_to - convertible_wei), whole) AS wei
""",
        "                div(%(came_back)s * convertible_wei, whole) AS wei\n",
        "of what an exchange gave back the last units are booked as lost, though they are here",
    ),
    Fault(
        "refund_loss_is_forgotten",
        "conversion/sharing_store.py",
        "            refund_loss_wei = refund_loss_wei + convertible_wei - ruled.wei,\n",
        "            refund_loss_wei = refund_loss_wei,\n",
        "less came back than is pending again: the next batch pays with others' money",
    ),
    Fault(
        "attempts_are_not_counted",
        "conversion/sharing_store.py",
        "            attempts = attempts + %(step)s, state_since = %(now)s\n",
        "            state_since = %(now)s\n",
        "a payment that no exchange ever takes is tried for ever, and nobody hears of it",
    ),
    Fault(
        "released_without_withdrawing",
        "swap/moves.py",
        "    if not hostpay.withdraw(tx, swap.swap_id, reason, now):\n",
        "    if False:\n",
        "payments go back while the transfer that pays for them may still be signed",
        guarded_by=ENDS_FIRST,
    ),
    Fault(
        "withdraws_what_is_signed",
        "hostpay/service.py",
        "    if transfer.nonce is not None:\n        return False\n",
        "    if transfer.nonce is not None:\n        return True\n",
        "payments go back while the bytes that pay for them are on their way",
        guarded_by=ENDS_FIRST,
    ),
    Fault(
        "second_exchange_is_taken",
        "swap/results.py",
        "    takes_it = swap.state == awaited and swap.cn_api_id is None\n",
        '    takes_it = swap.state in (awaited, "created")\n',
        "a second exchange takes the place of the one that is being paid",
    ),
    # --- what arrives ---
    Fault(
        "provider_is_believed",
        "swap/arrival.py",
        "    return receipt_store.received_units(tx, swap.swap_id), None\n",
        "    return int((named or Decimal(0)).scaleb(decimals)), None\n",
        "what the exchange says is shared out, not what arrived",
    ),
    Fault(
        "arrival_at_any_depth",
        "swap/arrival.py",
        '    return message.status == "success" and depth >= confirmations\n',
        '    return message.status == "success" and depth > 0\n',
        "USDT that a reorganisation takes away again has been shared out",
    ),
    Fault(
        "lost_block_is_believed",
        "vendors/ethereum/node.py",
        '        return hash_at(self._rpc, receipt_number(receipt, "blockNumber")) == mined_in\n',
        '        return mined_in != ""\n',
        "USDT counts as arrived in a block that is not of the chain any more",
    ),
    Fault(
        "whole_transaction_is_ours",
        "swap/arrival.py",
        "        logs = exact  # one payout may serve several of our swaps\n",
        "        pass  # one payout may serve several of our swaps\n",
        "one batch is given what arrived for two",
    ),
    Fault(
        "log_is_counted_for_every_exchange",
        "swap/receipt_store.py",
        '        "SELECT coalesce(sum(amount_units), 0) AS units FROM token_receipts"\n',
        '        "SELECT coalesce(sum(amount_units), 0) AS units FROM token_receipts"\n'
        '        " JOIN exchanges USING (swap_id)"\n',
        "where two exchanges were made for a batch, what arrived once is counted twice",
    ),
    # --- payouts ---
    Fault(
        "gross_is_paid_at_once",
        "payout/store.py",
        '        " RETURNING convertible_wei",\n',
        '        " RETURNING received_wei AS convertible_wei",\n',
        "a client who is paid at once is paid the fee too",
    ),
    Fault(
        "loss_is_paid_out",
        "payout/store.py",
        "            RETURNING share_microusdt - payout_loss_microusdt AS units\n",
        "            RETURNING share_microusdt AS units\n",
        "what a payout lost on its way is paid to the client again",
    ),
    Fault(
        "usdt_loss_is_forgotten",
        "payout/service.py",
        "        store.book_losses(tx, payout_id, units)\n",
        "        pass\n",
        "less USDT came back than is the client's again",
    ),
    Fault(
        "eth_loss_is_forgotten",
        "payout/service.py",
        "        store.book_wei_loss(tx, payout_id, units)\n",
        "        pass\n",
        "less ETH came back than is the client's again",
    ),
    Fault(
        "refund_is_what_the_provider_says",
        "swap/delivery.py",
        '    move(tx, swap, "refunded", now, refunded_units=units)\n',
        "    units = swap.from_amount_units\n"
        '    move(tx, swap, "refunded", now, refunded_units=units)\n',
        "a refund is booked as all that was paid, whatever came back",
    ),
    Fault(
        "sending_is_finished",
        "swap/delivery.py",
        '    if message.status == "finished" and message.payout_hash:\n',
        '    if message.status in ("sending", "finished"):\n',
        "a payout counts as paid before the exchange has paid",
    ),
    Fault(
        "usdt_is_worth_nothing",
        "payout/model.py",
        "        return coins(units, USDT_DECIMALS)\n",
        "        return coins(units, ETH_DECIMALS)\n",
        "a wrong unit: no payout ever seems worth its gas, and clients wait for ever",
    ),
    Fault(
        "new_address_is_paid_at_once",
        "payout/model.py",
        "        if self.address_matures_at is not None and now < self.address_matures_at:\n",
        "        if False:\n",
        "whoever has stolen an account is paid before its owner hears of it",
    ),
)
