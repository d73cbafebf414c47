-- Who may write what. The owner of the schema is the migrator's login; every function logs in with
-- the role of its zone. A new table has to be granted in the migration that makes it.

-- Roles belong to the server, so they may be there already. The migrator lets them log in.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['microbatch_ledger', 'microbatch_vault'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO microbatch_ledger, microbatch_vault;

-- --- ledger: everything but what a signature consists of ------------------------------------------

GRANT SELECT ON ALL TABLES IN SCHEMA public TO microbatch_ledger;
GRANT INSERT, UPDATE ON
    clients, payments, held_payments, batches, swaps, payouts, address_changes, observation_requests
    TO microbatch_ledger;
GRANT UPDATE ON settings, pauses TO microbatch_ledger;
-- What happened stays as it was written.
GRANT INSERT ON
    operator_acts, threshold_checks, exchanges, token_receipts, discarded_letters
    TO microbatch_ledger;
-- … but what came of an act that takes its time, once it is over (act_ends_once)
GRANT UPDATE (after) ON operator_acts TO microbatch_ledger;
-- … and what was read wrongly of the chain, and what is too old to be of use.
GRANT DELETE ON token_receipts TO microbatch_ledger;
GRANT INSERT, DELETE ON observations TO microbatch_ledger;

-- No nonce: without one a transfer cannot be in a state that is signed (nonce_when_signed).
GRANT INSERT (unique_id, context, kind, swap_id, cn_api_id, wallet, chain_id, currency, network,
        token, to_address, amount_units, state, state_since, created_at, reason),
    UPDATE (state, state_since, asked_at, approved_at, preflight_at, preflight_chain_id,
        preflight_balance_wei, preflight_token_units, preflight_latest_nonce,
        preflight_pending_nonce, preflight_finalized_nonce, preflight_base_fee_wei,
        preflight_tip_wei, preflight_gas, preflight_problem, tx_hash, block_number, block_hash,
        gas_used, effective_gas_price_wei, reason, wait_reason, waits_since, consumed_by_hash,
        consumed_at_block)
    ON transfers TO microbatch_ledger;

-- No bytes and no hash: it may order an attempt, never make one.
GRANT INSERT (unique_id, wallet, chain_id, nonce, attempt_no, kind, state, state_since, created_at,
        to_address, value_wei, data, gas_limit, max_fee_per_gas_wei, max_priority_fee_per_gas_wei),
    UPDATE (state, state_since, asked_at, sent_at, sends, last_outcome, unmined_at_block)
    ON transfer_attempts TO microbatch_ledger;

-- Neither the first nonce nor the next.
GRANT UPDATE (status, reason, frozen_at, pool_room, pool_full_at, looked_at, latest_nonce,
        pending_nonce, finalized_nonce)
    ON wallets TO microbatch_ledger;

-- --- vault: what a signature consists of, and no money of anybody's ------------------------------

GRANT SELECT ON
    transfers, transfer_attempts, transfer_nonces, wallets, payouts, clients, observations, pauses,
    state_edges, schema_migrations
    TO microbatch_vault;
GRANT INSERT, UPDATE (state, state_since, raw_transaction, tx_hash) ON transfer_attempts
    TO microbatch_vault;
GRANT INSERT ON transfer_nonces TO microbatch_vault;
GRANT INSERT, UPDATE (next_nonce, status, reason, frozen_at) ON wallets TO microbatch_vault;
GRANT UPDATE (state, state_since, asked_at, approved_at, signed_at, nonce, reason, wait_reason,
        waits_since)
    ON transfers TO microbatch_vault;
-- A payout whose transfer cannot be signed is parked with it.
GRANT UPDATE (state, state_since, asked_at, reason) ON payouts TO microbatch_vault;
-- Only so that it may hold a client's row while it looks at it (FOR SHARE).
GRANT UPDATE (payout_looked_at) ON clients TO microbatch_vault;

-- --- what grants cannot say -----------------------------------------------------------------------

-- Every move is kept, and nobody but the trigger that keeps it writes there.
ALTER FUNCTION note_state_change() SECURITY DEFINER SET search_path = public, pg_temp;

-- Ordered bytes are signed as they are ordered, so an order repeats what was signed first: whoever
-- may order can neither turn a payment to another address nor change what it pays.
CREATE FUNCTION refuse_other_payment_on_a_nonce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = 'cancel' AND NEW.to_address <> NEW.wallet THEN
        RAISE EXCEPTION 'a cancel of transfer % pays its own wallet', NEW.unique_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cancel_pays_its_wallet';
    END IF;
    IF NEW.kind = 'pay' AND NEW.raw_transaction IS NULL AND NOT EXISTS (
        SELECT FROM transfer_attempts first
        WHERE first.unique_id = NEW.unique_id AND first.attempt_no = 1
            AND (first.kind, first.nonce, first.to_address, first.value_wei, first.data)
                = ('pay', NEW.nonce, NEW.to_address, NEW.value_wei, NEW.data)
    ) THEN
        RAISE EXCEPTION 'what is ordered for transfer % is not what was signed', NEW.unique_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_repeats_what_was_signed';
    END IF;
    RETURN NEW;
END
$$;

-- An act is recorded before it is done, and what came of it is written once.
CREATE FUNCTION refuse_rewritten_act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what came of act % is recorded already', OLD.act_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'act_ends_once';
END
$$;

CREATE TRIGGER operator_acts_end_once BEFORE UPDATE ON operator_acts
    FOR EACH ROW WHEN (OLD.after IS NOT NULL) EXECUTE FUNCTION refuse_rewritten_act();

CREATE TRIGGER transfer_attempts_repeat_the_first BEFORE INSERT ON transfer_attempts
    FOR EACH ROW EXECUTE FUNCTION refuse_other_payment_on_a_nonce();
