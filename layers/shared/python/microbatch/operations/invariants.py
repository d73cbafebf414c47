"""What must hold at any instant, each as one query that must find nothing."""

from microbatch.platform.database import Database, Transaction

BATCH_IS_ITS_ROWS = """
    SELECT batch_id FROM batches b
    WHERE state NOT IN ('released')
      AND (claimed_wei, payments_count) <>
          (SELECT coalesce(sum(convertible_wei), 0), count(*)::integer FROM payments p
           WHERE p.batch_id = b.batch_id)
"""
SHARES_ARE_WHAT_ARRIVED = """
    SELECT batch_id FROM batches b
    WHERE state = 'distributed'
      AND received_microusdt IS DISTINCT FROM
          (SELECT sum(share_microusdt) FROM payments p WHERE p.batch_id = b.batch_id)
"""
SHARES_ARE_PROPORTIONAL = """
    SELECT payment_id FROM payments p JOIN batches b USING (batch_id)
    WHERE b.state = 'distributed'
      AND abs(share_microusdt * b.claimed_wei - b.received_microusdt * convertible_wei)
          >= b.claimed_wei
"""
ARRIVED_IS_WHAT_THE_CHAIN_LOGGED = """
    SELECT swap_id FROM swaps s
    WHERE state = 'finished' AND context = 'batch'
      AND received_units IS DISTINCT FROM
          (SELECT sum(amount_units) FROM token_receipts r WHERE r.swap_id = s.swap_id)
"""
ONE_LIVE_TRANSFER_PER_EXCHANGE = """
    SELECT cn_api_id FROM transfers
    WHERE state NOT IN ('rejected', 'failed') AND cn_api_id IS NOT NULL
    GROUP BY cn_api_id HAVING count(*) > 1
"""
NONCES_HAVE_NO_GAP = """
    SELECT address FROM wallets w
    WHERE next_nonce - first_nonce IS DISTINCT FROM
          (SELECT count(*) FROM transfer_nonces n
           WHERE n.wallet = w.address AND n.chain_id = w.chain_id)
       OR next_nonce - 1 IS DISTINCT FROM
          (SELECT coalesce(max(nonce), w.first_nonce - 1) FROM transfer_nonces n
           WHERE n.wallet = w.address AND n.chain_id = w.chain_id)
"""
ATTEMPTS_PAY_THE_TRANSFER = """
    SELECT attempt_id FROM transfer_attempts a JOIN transfers t USING (unique_id)
    WHERE a.kind = 'pay' AND CASE WHEN t.token IS NULL
        THEN (lower(a.to_address), a.value_wei, a.data)
            IS DISTINCT FROM (lower(t.to_address), t.amount_units, ''::bytea)
        ELSE (lower(a.to_address), a.value_wei) IS DISTINCT FROM (lower(t.token), 0)
            OR encode(a.data, 'hex') IS DISTINCT FROM 'a9059cbb'
                || lpad(substr(lower(t.to_address), 3), 64, '0')
                || lpad(to_hex(t.amount_units::bigint), 64, '0')
        END
"""
FEES_RISE_BY_A_TENTH = """
    SELECT later.attempt_id FROM transfer_attempts later
    JOIN transfer_attempts earlier ON earlier.unique_id = later.unique_id
        AND earlier.nonce = later.nonce AND earlier.attempt_no = (
            -- what was ordered and given up before it was signed is nobody's to outbid
            SELECT max(attempt_no) FROM transfer_attempts signed
            WHERE signed.unique_id = later.unique_id AND signed.attempt_no < later.attempt_no
                AND signed.raw_transaction IS NOT NULL)
    WHERE later.max_fee_per_gas_wei * 10 < earlier.max_fee_per_gas_wei * 11
       OR later.max_priority_fee_per_gas_wei * 10 < earlier.max_priority_fee_per_gas_wei * 11
       OR (later.kind = earlier.kind AND (later.to_address, later.value_wei, later.data)
          IS DISTINCT FROM (earlier.to_address, earlier.value_wei, earlier.data))
"""
RELEASED_ONLY_WITHOUT_LIVE_TRANSFER = """
    SELECT b.batch_id FROM batches b
    JOIN swaps s ON s.context = 'batch' AND s.owner_id = b.batch_id::text
    JOIN transfers t ON t.swap_id = s.swap_id
    WHERE b.state = 'released' AND s.state <> 'refunded'
      AND t.state NOT IN ('rejected', 'failed')
"""
A_SWAP_IS_OF_WHAT_WAS_CLAIMED = """
    SELECT s.swap_id FROM swaps s
    LEFT JOIN batches b ON s.context = 'batch' AND s.owner_id = b.batch_id::text
    LEFT JOIN payouts o ON s.swap_id = o.unique_id
    WHERE s.from_amount_units IS DISTINCT FROM coalesce(b.claimed_wei, o.amount_units)
"""
A_TRANSFER_PAYS_ITS_SWAP = """
    SELECT t.unique_id FROM transfers t JOIN swaps s USING (swap_id)
    WHERE (t.amount_units, t.currency) IS DISTINCT FROM (s.from_amount_units, s.from_currency)
       OR (t.cn_api_id = s.cn_api_id AND t.to_address <> s.payin_address)
"""
LOSSES_ARE_WHAT_DID_NOT_COME_BACK = """
    WITH missing AS (
        SELECT from_currency, sum(from_amount_units - refunded_units) AS units
        FROM swaps WHERE state = 'refunded' GROUP BY from_currency
    )
    SELECT wei, microusdt FROM (SELECT coalesce(sum(refund_loss_wei), 0) AS wei,
        coalesce(sum(payout_loss_microusdt), 0) AS microusdt FROM payments) AS booked
    WHERE wei <> coalesce((SELECT units FROM missing WHERE from_currency = 'eth'), 0)
       OR microusdt <> coalesce((SELECT units FROM missing WHERE from_currency = 'usdt'), 0)
"""
REFUNDS_ARE_BOOKED = """
    SELECT s.swap_id FROM swaps s JOIN batches b ON s.owner_id = b.batch_id::text
    WHERE s.state = 'refunded' AND (b.state <> 'released' OR s.refunded_units > b.claimed_wei)
"""
STATES_AGREE = """
    SELECT b.batch_id FROM batches b
    LEFT JOIN swaps s ON s.context = 'batch' AND s.owner_id = b.batch_id::text
    WHERE CASE b.state
        WHEN 'claimed' THEN s.state = 'requested'
        WHEN 'exchange_created' THEN s.state = 'created'
        WHEN 'pay_ordered' THEN s.state = 'created'
        WHEN 'paid' THEN s.state = 'paid'
        WHEN 'finished' THEN s.state = 'finished'
        WHEN 'distributed' THEN s.state = 'finished'
        WHEN 'released' THEN s.state IN ('failed', 'refunded', 'expired')
        ELSE true END IS NOT TRUE
"""
WHAT_IS_HELD_COUNTS_ONCE_IT_IS_ACCEPTED = """
    SELECT held_id FROM held_payments h LEFT JOIN payments p USING (payment_id, fingerprint)
    WHERE (h.state = 'accepted') <> (p.state IS NOT NULL)
"""
PAYOUT_IS_ITS_ROWS = """
    SELECT payout_id FROM payouts o
    WHERE state IN ('claimed', 'paid', 'completed', 'parked')
      AND (payments_count, amount_units) <>
          (SELECT count(*)::integer, coalesce(sum(CASE WHEN o.context = 'instant'
              THEN convertible_wei ELSE share_microusdt - payout_loss_microusdt END), 0)
           FROM payments p WHERE p.payout_id = o.payout_id AND p.client_id = o.client_id
             AND p.state = CASE o.state WHEN 'completed' THEN 'paid' ELSE 'in_payout' END)
"""
A_PAYMENT_IS_IN_A_LIVE_PAYOUT_OR_NONE = """
    SELECT payment_id FROM payments p JOIN payouts o USING (payout_id)
    WHERE o.state IN ('released', 'rerouted')
"""
PAYOUTS_AND_TRANSFERS_AGREE = """
    SELECT o.payout_id FROM payouts o JOIN transfers t USING (unique_id)
    WHERE (t.amount_units, t.currency) IS DISTINCT FROM (o.amount_units, o.from_currency)
       OR (t.kind = 'direct') <> (o.kind = 'direct')
       OR (o.kind = 'direct' AND t.to_address <> o.to_address)
       OR (o.state = 'completed' AND t.state <> 'settled')
       OR (o.kind = 'direct' AND o.state <> 'completed' AND t.state = 'settled')
       OR (o.state IN ('released', 'rerouted') AND t.state NOT IN ('rejected', 'failed')
           AND o.refunded_units IS NULL)
"""
A_REFUND_OF_USDT_IS_WHAT_THE_CHAIN_LOGGED = """
    SELECT swap_id FROM swaps s
    WHERE state = 'refunded' AND from_currency = 'usdt'
      AND refunded_units IS DISTINCT FROM
          (SELECT sum(amount_units) FROM token_receipts r WHERE r.swap_id = s.swap_id)
"""
A_COMPLETED_PAYOUT_WAS_TRANSFERRED = """
    SELECT payout_id FROM payouts o WHERE state IN ('paid', 'completed')
      AND NOT EXISTS (SELECT FROM transfers t WHERE t.unique_id = o.unique_id
          AND t.state IN ('confirmed', 'settled'))
"""
PAYOUTS_AND_SWAPS_AGREE = """
    SELECT o.payout_id FROM payouts o
    LEFT JOIN swaps s ON s.swap_id = o.unique_id
    WHERE o.kind = 'exchange' AND CASE o.state
        WHEN 'claimed' THEN s.state IN ('requested', 'quoted', 'created')
        WHEN 'paid' THEN s.state = 'paid'
        WHEN 'completed' THEN s.state = 'finished'
        WHEN 'released' THEN s.state IN ('failed', 'refunded', 'expired')
        WHEN 'rerouted' THEN s.state IS NULL OR s.state = 'failed'
        ELSE true END IS NOT TRUE
"""
WHAT_A_CLIENT_HAS_ADDS_UP = """
    SELECT client_id FROM client_accounts
    WHERE shared_microusdt <> available_microusdt + in_payout_microusdt + paid_microusdt
            + parked_microusdt + payout_loss_microusdt
       OR received_wei <> fee_wei + refund_loss_wei + pending_wei + waiting_instant_wei
            + in_batch_wei + converted_wei + in_payout_wei + paid_wei + parked_wei
"""
ALL = {name.lower(): query for name, query in list(globals().items()) if name.isupper()}


def broken_in(tx: Transaction) -> list[str]:
    """The names of the invariants that do not hold in what this transaction sees."""
    return [name for name, query in ALL.items() if tx.all(query)]


def broken_invariants(database: Database) -> list[str]:
    """The names of the invariants that do not hold at this instant."""
    with database.transaction() as tx:
        return broken_in(tx)
