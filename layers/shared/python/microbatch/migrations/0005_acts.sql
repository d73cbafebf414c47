-- What a person can do: pause a part, decide about what is held, get parked rows going again.

CREATE TABLE pauses (
    part      text PRIMARY KEY CHECK (part IN ('ingress', 'conversion', 'hostpay', 'payout')),
    paused_at timestamptz,
    who       text,
    why       text,
    CONSTRAINT paused_by_somebody_for_a_reason
        CHECK ((paused_at IS NULL) = (who IS NULL) AND (paused_at IS NULL) = (why IS NULL))
);

INSERT INTO pauses (part) VALUES ('ingress'), ('conversion'), ('hostpay'), ('payout');

INSERT INTO state_edges (entity, from_state, to_state) VALUES
    ('held_payments', 'held', 'accepted'),
    ('held_payments', 'held', 'rejected'),
    -- asked again, from where it was parked
    ('batches', 'parked', 'paid'),
    ('swaps', 'parked', 'paid'),
    ('payouts', 'parked', 'claimed'),
    ('payouts', 'parked', 'paid'),
    -- its nonce is consumed by another transaction: none of its bytes can be mined any more
    ('transfers', 'parked', 'failed');

-- An accepted notification and its payment belong together, and one version of an id at most.
ALTER TABLE held_payments
    DROP CONSTRAINT held_payments_reason_check,
    ADD CONSTRAINT held_payments_reason_check CHECK (reason IN ('unknown_client', 'client_paused',
        'wrong_asset', 'redeposit', 'conflict', 'implausible_amount', 'amount_unknown',
        'malformed', 'ingress_paused')),
    ADD COLUMN decided_by text,
    ADD COLUMN decided_why text,
    ADD COLUMN named_wei numeric(78, 0) CHECK (named_wei > 0), -- what arrived, by a person's word
    ADD COLUMN accepted_as text GENERATED ALWAYS AS
        (CASE WHEN state = 'accepted' THEN payment_id END) STORED
        REFERENCES payments (payment_id) DEFERRABLE INITIALLY DEFERRED,
    ADD COLUMN asked_at timestamptz,
    ADD COLUMN announced_state text, -- the reason, or the decision, that the outside was last told of
    ADD CONSTRAINT decided_by_somebody_for_a_reason
        CHECK ((state = 'held') = (decided_by IS NULL) AND (state = 'held') = (decided_why IS NULL)),
    ADD CONSTRAINT named_when_accepted CHECK (named_wei IS NULL OR state = 'accepted');

UPDATE held_payments SET announced_state = reason;

CREATE UNIQUE INDEX one_accepted_version ON held_payments (accepted_as)
    WHERE accepted_as IS NOT NULL;
CREATE INDEX held_payments_paused ON held_payments (held_at, held_id)
    WHERE state = 'held' AND reason IN ('ingress_paused', 'client_paused');
CREATE INDEX held_payments_untold ON held_payments (held_at)
    WHERE announced_state IS DISTINCT FROM (CASE state WHEN 'held' THEN reason ELSE state END);

CREATE TRIGGER held_payments_edges BEFORE UPDATE OF state ON held_payments
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION refuse_unknown_edge();

CREATE FUNCTION refuse_change_of_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a held payment is never deleted' USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.payment_id, NEW.source, NEW.client_id, NEW.received_amount, NEW.received_currency,
        NEW.received_network, NEW.fingerprint, NEW.notification) IS DISTINCT FROM
       (OLD.payment_id, OLD.source, OLD.client_id, OLD.received_amount, OLD.received_currency,
        OLD.received_network, OLD.fingerprint, OLD.notification) THEN
        RAISE EXCEPTION 'what was notified of payment % may not change', OLD.payment_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER held_payments_stay BEFORE UPDATE OR DELETE ON held_payments
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_evidence();

CREATE FUNCTION refuse_another_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payments WHERE payment_id = NEW.payment_id
            AND (fingerprint, client_id) = (NEW.fingerprint, NEW.client_id)) THEN
        RAISE EXCEPTION 'payment % is not the one that is accepted', NEW.payment_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER accepted_is_its_payment AFTER INSERT OR UPDATE ON held_payments
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'accepted')
    EXECUTE FUNCTION refuse_another_payment();

-- A payment of which an exchange has kept everything: nothing can be converted any more.
ALTER TABLE payments
    DROP CONSTRAINT payments_state_check,
    ADD CONSTRAINT payments_state_check CHECK (state IN ('pending', 'waiting_instant', 'held',
        'swapping', 'converted', 'in_payout', 'paid', 'parked', 'written_off')),
    ADD CONSTRAINT nothing_left_when_written_off
        CHECK (state <> 'written_off' OR convertible_wei = 0);

-- What a person says has arrived, or came back: in coins, to be exactly what the chain shows.
ALTER TABLE swaps ADD COLUMN vouched_amount numeric CHECK (vouched_amount > 0);

ALTER TABLE transfers
    ADD COLUMN consumed_by_hash text CHECK (consumed_by_hash ~ '^0x[0-9a-f]{64}$'),
    ADD COLUMN consumed_at_block bigint,
    DROP CONSTRAINT block_when_mined,
    ADD CONSTRAINT block_when_mined CHECK (
        state NOT IN ('mined', 'confirmed', 'settled', 'failed')
        OR (tx_hash IS NOT NULL AND block_number IS NOT NULL AND block_hash IS NOT NULL)
        OR (state = 'failed' AND consumed_by_hash IS NOT NULL));

-- What a node said last of a wallet when a person asked.
ALTER TABLE wallets
    ADD COLUMN looked_at timestamptz,
    ADD COLUMN latest_nonce bigint,
    ADD COLUMN pending_nonce bigint,
    ADD COLUMN finalized_nonce bigint;

-- Dead letters that nobody can read, and that a person has thrown away.
CREATE TABLE discarded_letters (
    letter_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    discarded_at timestamptz NOT NULL,
    queue        text NOT NULL,
    message_id   text NOT NULL,
    body_sha256  text NOT NULL CHECK (body_sha256 ~ '^[0-9a-f]{64}$'),
    body         text, -- of `payments` only: there the message is the payment
    problem      text NOT NULL CHECK (problem <> ''),
    reason       text NOT NULL, -- what its consumer said when it gave up
    who          text NOT NULL CHECK (who <> ''),
    why          text NOT NULL CHECK (why <> ''),
    UNIQUE (queue, message_id),
    CONSTRAINT a_payment_is_kept CHECK (queue <> 'payments' OR body IS NOT NULL)
);
