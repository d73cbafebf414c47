-- What a person sees of a row that stands still: why it waits, and how it came to where it is.

-- Why a transfer is not signed, or lies unmined, and since when for this reason. It ends with the
-- state, so nobody has to remember to take it back; but what is short of funds goes from approved
-- to requested and back whenever its approval grows old, and has waited since the first time.
ALTER TABLE transfers
    ADD COLUMN wait_reason text,
    ADD COLUMN waits_since timestamptz,
    ADD CONSTRAINT since_when_waiting CHECK ((wait_reason IS NULL) = (waits_since IS NULL));

CREATE FUNCTION forget_wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.wait_reason := NULL;
    NEW.waits_since := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER transfers_wait_in_a_state BEFORE UPDATE OF state ON transfers
    FOR EACH ROW WHEN (OLD.state <> NEW.state AND NOT (
        OLD.state IN ('requested', 'approved') AND NEW.state IN ('requested', 'approved')))
    EXECUTE FUNCTION forget_wait();

-- Since when the exchange says what it says.
ALTER TABLE swaps ADD COLUMN provider_status_since timestamptz;

-- Every move of the rows that are few and carry much. Payments are many: their times are those of
-- the batch or payout they are in.
CREATE TABLE state_changes (
    change_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity     text NOT NULL,
    row_id     text NOT NULL,
    from_state text, -- NULL: it began in to_state
    to_state   text NOT NULL,
    at         timestamptz NOT NULL,
    reason     text
);

CREATE INDEX state_changes_of_row ON state_changes (entity, row_id, change_id);

CREATE FUNCTION note_state_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- a reason stays on its row: it is of this move only when the move is one that needs one
    has_reason boolean := NEW.state IN ('parked', 'rejected', 'failed', 'expired', 'released',
        'rerouted');
BEGIN
    INSERT INTO state_changes (entity, row_id, from_state, to_state, at, reason)
    VALUES (TG_TABLE_NAME, to_jsonb(NEW) ->> TG_ARGV[0],
        CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.state_since,
        CASE WHEN has_reason THEN NEW.reason END);
    RETURN NULL;
END
$$;

CREATE TRIGGER batches_begin AFTER INSERT ON batches
    FOR EACH ROW EXECUTE FUNCTION note_state_change('batch_id');
CREATE TRIGGER batches_move AFTER UPDATE OF state ON batches
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION note_state_change('batch_id');
CREATE TRIGGER swaps_begin AFTER INSERT ON swaps
    FOR EACH ROW EXECUTE FUNCTION note_state_change('swap_id');
CREATE TRIGGER swaps_move AFTER UPDATE OF state ON swaps
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION note_state_change('swap_id');
CREATE TRIGGER payouts_begin AFTER INSERT ON payouts
    FOR EACH ROW EXECUTE FUNCTION note_state_change('payout_id');
CREATE TRIGGER payouts_move AFTER UPDATE OF state ON payouts
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION note_state_change('payout_id');
CREATE TRIGGER transfers_begin AFTER INSERT ON transfers
    FOR EACH ROW EXECUTE FUNCTION note_state_change('unique_id');
CREATE TRIGGER transfers_move AFTER UPDATE OF state ON transfers
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION note_state_change('unique_id');

-- Rows from before begin with where they are.
INSERT INTO state_changes (entity, row_id, to_state, at, reason)
SELECT * FROM (
    SELECT 'batches', batch_id::text, state, state_since, reason FROM batches
    UNION ALL SELECT 'swaps', swap_id, state, state_since, reason FROM swaps
    UNION ALL SELECT 'payouts', payout_id::text, state, state_since, reason FROM payouts
    UNION ALL SELECT 'transfers', unique_id, state, state_since, reason FROM transfers
) AS rows (entity, row_id, state, at, reason) ORDER BY at;

-- What a person types: an id, or how it begins; and the hash of a transaction, ours or another's.
CREATE INDEX held_payments_by_id ON held_payments (payment_id text_pattern_ops);
CREATE INDEX swaps_by_id ON swaps (swap_id text_pattern_ops);
CREATE INDEX transfers_by_id ON transfers (unique_id text_pattern_ops);
CREATE INDEX clients_by_id ON clients (client_id text_pattern_ops);
CREATE INDEX exchanges_by_id ON exchanges (cn_api_id text_pattern_ops);
CREATE INDEX exchanges_of_swap ON exchanges (swap_id);
CREATE INDEX transfer_attempts_by_hash ON transfer_attempts (tx_hash text_pattern_ops);
CREATE INDEX swaps_by_payout_hash ON swaps (payout_hash text_pattern_ops)
    WHERE payout_hash IS NOT NULL;
CREATE INDEX swaps_by_refund_hash ON swaps (refund_hash text_pattern_ops)
    WHERE refund_hash IS NOT NULL;
CREATE INDEX operator_acts_of_subject ON operator_acts (subject, act_id);
CREATE INDEX payments_parked ON payments (state_since) WHERE state = 'parked';
CREATE INDEX batches_parked ON batches (state_since) WHERE state = 'parked';
