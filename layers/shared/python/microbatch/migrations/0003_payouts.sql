-- Clients get their money: a payout is one transfer, or one exchange, over exactly its payments.

INSERT INTO state_edges (entity, from_state, to_state) VALUES
    ('payouts', 'claimed', 'paid'),
    ('payouts', 'claimed', 'completed'),
    ('payouts', 'claimed', 'released'),
    ('payouts', 'claimed', 'rerouted'),
    ('payouts', 'claimed', 'parked'),
    ('payouts', 'paid', 'completed'),
    ('payouts', 'paid', 'released'),
    ('payouts', 'paid', 'parked'),
    ('payouts', 'parked', 'completed'),
    ('payouts', 'parked', 'released');

-- An address is paid when the provider has called it valid and its time of waiting is over.
ALTER TABLE clients
    DROP CONSTRAINT clients_address_state_check,
    ADD CONSTRAINT clients_address_state_check
        CHECK (address_state IN ('verified', 'unverified', 'refused')),
    ADD COLUMN address_reason text,
    ADD COLUMN address_matures_at timestamptz,
    ADD COLUMN asked_at timestamptz,
    -- why the next payout waits, since when, and until when nothing is tried
    ADD COLUMN payout_wait_reason text,
    ADD COLUMN payout_waits_since timestamptz,
    ADD COLUMN payout_not_before timestamptz,
    ADD COLUMN payout_looked_at timestamptz,
    ADD CONSTRAINT reason_when_refused
        CHECK ((address_state = 'refused') <= (address_reason IS NOT NULL)),
    ADD CONSTRAINT since_when_waiting
        CHECK ((payout_wait_reason IS NULL) = (payout_waits_since IS NULL));

-- Every change of where a client's money goes; told until it is noted.
CREATE TABLE address_changes (
    change_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id    text NOT NULL REFERENCES clients,
    changed_at   timestamptz NOT NULL,
    matures_at   timestamptz NOT NULL,
    who          text NOT NULL CHECK (who <> ''),
    why          text NOT NULL CHECK (why <> ''),
    before       jsonb NOT NULL,
    after        jsonb NOT NULL,
    announced_at timestamptz
);

CREATE INDEX address_changes_unannounced ON address_changes (changed_at)
    WHERE announced_at IS NULL;

CREATE TABLE payouts (
    payout_id       uuid PRIMARY KEY,
    -- of its swap, or of its direct transfer
    unique_id       text NOT NULL UNIQUE CHECK (unique_id ~ '^[A-Z0-9]{16}$'),
    context         text NOT NULL CHECK (context IN ('threshold', 'instant')),
    kind            text NOT NULL CHECK (kind IN ('exchange', 'direct')),
    client_id       text NOT NULL REFERENCES clients,
    state           text NOT NULL CHECK (state IN ('claimed', 'paid', 'completed', 'released',
                        'rerouted', 'parked')),
    state_since     timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    asked_at        timestamptz,
    payments_count  integer NOT NULL CHECK (payments_count > 0),
    from_currency   text NOT NULL CHECK (from_currency IN ('eth', 'usdt')),
    amount_units    numeric(78, 0) NOT NULL CHECK (amount_units > 0),
    value_usd       numeric(20, 6),
    to_currency     text NOT NULL,
    to_network      text NOT NULL,
    to_address      text NOT NULL CHECK (to_address <> ''),
    to_extra_id     text NOT NULL,
    delivered       numeric CHECK (delivered > 0), -- coins of to_currency
    delivered_hash  text,
    refunded_units  numeric(78, 0) CHECK (refunded_units BETWEEN 0 AND amount_units),
    reason          text,
    retry_seconds   integer NOT NULL CHECK (retry_seconds >= 0), -- until what failed is tried again
    announced_state text, -- the last state that the outside world was told of
    CONSTRAINT eth_at_once_usdt_later CHECK ((context = 'instant') = (from_currency = 'eth')),
    CONSTRAINT one_payment_at_once CHECK (context <> 'instant' OR payments_count = 1),
    CONSTRAINT direct_in_kind CHECK (kind <> 'direct'
        OR (to_currency = from_currency AND to_network = 'eth')),
    CONSTRAINT hash_when_completed CHECK (state <> 'completed' OR delivered_hash IS NOT NULL),
    CONSTRAINT reason_when_given_up CHECK (state NOT IN ('released', 'rerouted', 'parked')
        OR reason IS NOT NULL)
);

CREATE UNIQUE INDEX one_live_threshold_payout ON payouts (client_id)
    WHERE context = 'threshold' AND state IN ('claimed', 'paid');
CREATE INDEX payouts_of_client ON payouts (client_id, created_at);
CREATE INDEX payouts_open ON payouts (state_since) WHERE state IN ('claimed', 'paid');
CREATE INDEX payouts_unannounced ON payouts (state_since)
    WHERE state IN ('completed', 'released', 'rerouted', 'parked')
        AND announced_state IS DISTINCT FROM state;

CREATE TRIGGER payouts_edges BEFORE UPDATE OF state ON payouts
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION refuse_unknown_edge();

CREATE FUNCTION refuse_change_of_payout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.unique_id, NEW.context, NEW.kind, NEW.client_id, NEW.payments_count, NEW.from_currency,
        NEW.amount_units, NEW.to_currency, NEW.to_network, NEW.to_address, NEW.to_extra_id)
        IS DISTINCT FROM
       (OLD.unique_id, OLD.context, OLD.kind, OLD.client_id, OLD.payments_count, OLD.from_currency,
        OLD.amount_units, OLD.to_currency, OLD.to_network, OLD.to_address, OLD.to_extra_id) THEN
        RAISE EXCEPTION 'what payout % pays may not change', OLD.payout_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER payouts_pay_the_same BEFORE UPDATE ON payouts
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_payout();

ALTER TABLE payments
    ADD COLUMN payout_id uuid REFERENCES payouts DEFERRABLE INITIALLY DEFERRED,
    ADD COLUMN payout_not_before timestamptz,
    -- what an exchange kept when it refunded less USDT than it was paid
    ADD COLUMN payout_loss_microusdt numeric(38, 0) NOT NULL DEFAULT 0,
    ADD CONSTRAINT loss_within_share
        CHECK (payout_loss_microusdt BETWEEN 0 AND greatest(coalesce(share_microusdt, 0), 0)),
    ADD CONSTRAINT payout_while_paying
        CHECK ((state IN ('in_payout', 'paid')) = (payout_id IS NOT NULL));

CREATE INDEX payments_available ON payments (client_id, received_at, payment_id)
    WHERE state = 'converted';
CREATE INDEX payments_waiting_instant ON payments (state_since) WHERE state = 'waiting_instant';
CREATE INDEX payments_of_payout ON payments (payout_id) WHERE payout_id IS NOT NULL;

-- A payout is exactly its rows, at the end of every transaction that makes one.
CREATE FUNCTION refuse_other_than_its_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    claimed record;
BEGIN
    SELECT count(*) AS payments, count(*) FILTER (WHERE client_id <> NEW.client_id) AS foreigners,
        coalesce(sum(CASE WHEN NEW.context = 'instant' THEN convertible_wei
            ELSE share_microusdt - payout_loss_microusdt END), 0) AS units
    INTO claimed FROM payments WHERE payout_id = NEW.payout_id;
    IF NOT EXISTS (SELECT FROM payouts WHERE payout_id = NEW.payout_id AND state = 'claimed') THEN
        RETURN NULL; -- given up in the transaction that made it
    END IF;
    IF (claimed.payments, claimed.foreigners, claimed.units)
        IS DISTINCT FROM (NEW.payments_count::bigint, 0::bigint, NEW.amount_units) THEN
        RAISE EXCEPTION 'payout % is not what its payments come to', NEW.payout_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER payouts_are_their_rows AFTER INSERT ON payouts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_other_than_its_rows();

-- A swap for a payout says what the client asked for, and needs no arrival with us.
ALTER TABLE swaps
    ADD COLUMN payout_extra_id text NOT NULL DEFAULT '',
    ADD COLUMN quoted_to_amount numeric,
    DROP CONSTRAINT received_when_finished,
    ADD CONSTRAINT received_when_finished
        CHECK (state <> 'finished' OR context <> 'batch' OR received_units IS NOT NULL),
    ADD CONSTRAINT hash_when_delivered
        CHECK (state <> 'finished' OR context = 'batch' OR payout_hash IS NOT NULL);

-- What a client has, at any moment: in wei until it is converted, in micro-USDT from then on.
CREATE VIEW client_accounts AS
SELECT client_id,
    coalesce(sum(received_wei), 0) AS received_wei,
    coalesce(sum(fee_wei), 0) AS fee_wei,
    coalesce(sum(refund_loss_wei), 0) AS refund_loss_wei,
    coalesce(sum(convertible_wei) FILTER (WHERE state IN ('pending', 'held')), 0) AS pending_wei,
    coalesce(sum(convertible_wei) FILTER (WHERE state = 'waiting_instant'), 0)
        AS waiting_instant_wei,
    coalesce(sum(convertible_wei) FILTER (WHERE state = 'swapping'), 0) AS in_batch_wei,
    coalesce(sum(convertible_wei) FILTER (WHERE share_microusdt IS NOT NULL), 0) AS converted_wei,
    coalesce(sum(convertible_wei) FILTER (WHERE state = 'in_payout' AND share_microusdt IS NULL), 0)
        AS in_payout_wei,
    coalesce(sum(convertible_wei) FILTER (WHERE state = 'paid' AND share_microusdt IS NULL), 0)
        AS paid_wei,
    coalesce(sum(convertible_wei) FILTER (WHERE state = 'parked' AND share_microusdt IS NULL), 0)
        AS parked_wei,
    coalesce(sum(share_microusdt), 0) AS shared_microusdt,
    coalesce(sum(payout_loss_microusdt), 0) AS payout_loss_microusdt,
    coalesce(sum(share_microusdt - payout_loss_microusdt) FILTER (WHERE state = 'converted'), 0)
        AS available_microusdt,
    coalesce(sum(share_microusdt - payout_loss_microusdt) FILTER (WHERE state = 'in_payout'), 0)
        AS in_payout_microusdt,
    coalesce(sum(share_microusdt - payout_loss_microusdt) FILTER (WHERE state = 'paid'), 0)
        AS paid_microusdt,
    coalesce(sum(share_microusdt - payout_loss_microusdt) FILTER (WHERE state = 'parked'), 0)
        AS parked_microusdt
FROM clients LEFT JOIN payments USING (client_id)
GROUP BY client_id;
