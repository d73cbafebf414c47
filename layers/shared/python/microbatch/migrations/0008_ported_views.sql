-- The original system's tables as views, for reports that were written for them (docs/port.md).
-- Nothing of ours reads them. What the original kept and we do not is NULL; coins are exact.

CREATE SCHEMA IF NOT EXISTS ported;
REVOKE ALL ON SCHEMA ported FROM PUBLIC;

CREATE OR REPLACE VIEW ported.main_clients_database AS
SELECT client_id AS closed_channel_id, wallet_address AS client_wallet_address,
    upper(payout_currency) AS client_payout_currency,
    upper(payout_network) AS client_payout_network, payout_strategy, payout_threshold_usd
FROM clients;

CREATE OR REPLACE VIEW ported.processed_payments AS
SELECT payment_id, client_id AS channel_id, true AS gcwebhook1_processed,
    received_at AS gcwebhook1_processed_at, received_at AS created_at, state_since AS updated_at
FROM payments;

-- One column had two meanings there: net dollars until it is converted, then the share in USDT.
CREATE OR REPLACE VIEW ported.payout_accumulation AS
SELECT p.payment_id AS id, p.client_id, NULL::bigint AS user_id, 0 AS subscription_id,
    p.invoice_usd AS payment_amount_usd, 'usd' AS payment_currency,
    p.received_at AS payment_timestamp,
    coalesce(p.share_microusdt * 0.000001, p.net_usd) AS accumulated_amount_usdt,
    CASE WHEN p.share_microusdt IS NOT NULL AND p.convertible_wei > 0
        THEN round(p.share_microusdt * 1000000000000 / p.convertible_wei, 8)
    END AS eth_to_usdt_rate,
    CASE WHEN b.state = 'distributed' THEN b.state_since END AS conversion_timestamp,
    t.tx_hash AS conversion_tx_hash, c.wallet_address AS client_wallet_address,
    upper(c.payout_currency) AS client_payout_currency,
    upper(c.payout_network) AS client_payout_network,
    p.state = 'paid' AS is_paid_out, p.payout_id::text AS payout_batch_id,
    CASE WHEN p.state = 'paid' THEN p.state_since END AS paid_out_at,
    p.received_at AS created_at, p.state_since AS updated_at,
    CASE WHEN p.share_microusdt IS NOT NULL THEN 'completed'
        WHEN p.state = 'swapping' THEN 'swapping'
        WHEN p.state IN ('parked', 'written_off') THEN 'failed'
        ELSE 'pending'
    END AS conversion_status,
    p.attempts AS conversion_attempts, p.batch_id AS batch_conversion_id,
    p.payment_id AS nowpayments_payment_id,
    p.received_wei * 0.000000000000000001 AS nowpayments_outcome_amount
FROM payments p
JOIN clients c USING (client_id)
LEFT JOIN batches b USING (batch_id)
LEFT JOIN LATERAL (
    SELECT transfers.tx_hash FROM swaps JOIN transfers USING (swap_id)
    WHERE swaps.context = 'batch' AND swaps.owner_id = p.batch_id::text
        AND transfers.state NOT IN ('rejected', 'failed')
    ORDER BY swaps.generation DESC LIMIT 1
) t ON true
WHERE p.credited_as = 'pending';

CREATE OR REPLACE VIEW ported.batch_conversions AS
SELECT b.batch_id AS batch_conversion_id, b.claimed_usd AS total_eth_usd,
    b.threshold_usd AS threshold_at_creation, s.cn_api_id, s.payin_address,
    CASE b.state WHEN 'distributed' THEN 'completed' WHEN 'released' THEN 'failed'
        WHEN 'parked' THEN 'failed' ELSE 'swapping'
    END AS conversion_status,
    b.received_microusdt * 0.000001 AS actual_usdt_received, s.tx_hash AS conversion_tx_hash,
    b.created_at, b.created_at AS processing_started_at,
    CASE WHEN b.state = 'distributed' THEN b.state_since END AS completed_at
FROM batches b
LEFT JOIN LATERAL (
    SELECT swaps.cn_api_id, swaps.payin_address, transfers.tx_hash
    FROM swaps LEFT JOIN transfers ON transfers.swap_id = swaps.swap_id
        AND transfers.state NOT IN ('rejected', 'failed')
    WHERE swaps.context = 'batch' AND swaps.owner_id = b.batch_id::text
    ORDER BY swaps.generation DESC LIMIT 1
) s ON true;

CREATE OR REPLACE VIEW ported.payout_batches AS
SELECT p.payout_id::text AS batch_id, p.client_id, p.to_address AS client_wallet_address,
    upper(p.to_currency) AS client_payout_currency, upper(p.to_network) AS client_payout_network,
    p.amount_units * 0.000001 AS total_amount_usdt, p.payments_count AS total_payments_count,
    p.delivered AS payout_amount_crypto, s.cn_api_id, s.payin_address AS cn_payin_address,
    p.delivered_hash AS tx_hash,
    CASE p.state WHEN 'claimed' THEN 'pending' WHEN 'paid' THEN 'processing'
        WHEN 'completed' THEN 'completed' ELSE 'failed'
    END AS status,
    p.created_at, p.created_at AS processing_started_at,
    CASE WHEN p.state = 'completed' THEN p.state_since END AS completed_at
FROM payouts p
LEFT JOIN swaps s ON s.swap_id = p.unique_id
WHERE p.context = 'threshold';

-- An exchange each, also those that were never paid; there it was one for each unique_id.
CREATE OR REPLACE VIEW ported.split_payout_que AS
SELECT s.swap_id AS unique_id, e.cn_api_id, p.client_id AS closed_channel_id,
    upper(s.from_currency) AS from_currency, upper(s.to_currency) AS to_currency,
    upper(s.from_network) AS from_network, upper(s.to_network) AS to_network,
    s.from_amount_units * CASE s.from_currency WHEN 'eth' THEN 0.000000000000000001
        ELSE 0.000001 END AS from_amount,
    s.expected_to_amount AS to_amount, e.payin_address, s.payout_address, s.refund_address,
    'standard' AS flow, 'direct' AS type, e.recorded_at AS created_at, s.state_since AS updated_at
FROM exchanges e
JOIN swaps s USING (swap_id)
LEFT JOIN payouts p ON p.unique_id = s.swap_id;

CREATE OR REPLACE VIEW ported.split_payout_hostpay AS
SELECT unique_id, cn_api_id, upper(currency) AS from_currency, upper(network) AS from_network,
    amount_units * CASE WHEN token IS NULL THEN 0.000000000000000001 ELSE 0.000001 END
        AS from_amount,
    to_address AS payin_address, state IN ('confirmed', 'settled') AS is_complete, tx_hash,
    state AS tx_status, gas_used, block_number, created_at, state_since AS updated_at
FROM transfers
WHERE nonce IS NOT NULL;

CREATE OR REPLACE VIEW ported.failed_transactions AS
SELECT unique_id, cn_api_id, upper(currency) AS from_currency, upper(network) AS from_network,
    amount_units * CASE WHEN token IS NULL THEN 0.000000000000000001 ELSE 0.000001 END
        AS from_amount,
    to_address AS payin_address, context, reason AS error_code, reason AS error_message,
    state_since AS last_attempt_timestamp, 'failed_pending_review' AS status, created_at,
    state_since AS updated_at
FROM transfers
WHERE state IN ('failed', 'parked');
