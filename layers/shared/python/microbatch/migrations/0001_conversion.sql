-- The whole conversion path. Amounts are integers of the smallest unit, in columns named by unit.
-- A state's columns are tied to it by CHECKs; which state may follow which is in state_edges.

CREATE TABLE state_edges (
    entity     text NOT NULL,
    from_state text NOT NULL,
    to_state   text NOT NULL,
    PRIMARY KEY (entity, from_state, to_state)
);

INSERT INTO state_edges (entity, from_state, to_state) VALUES
    ('batches', 'claimed', 'exchange_created'),
    ('batches', 'claimed', 'released'),
    ('batches', 'exchange_created', 'pay_ordered'),
    ('batches', 'exchange_created', 'released'),
    ('batches', 'pay_ordered', 'paid'),
    ('batches', 'pay_ordered', 'released'),
    ('batches', 'paid', 'finished'),
    ('batches', 'paid', 'released'),
    ('batches', 'finished', 'distributed'),
    ('batches', 'claimed', 'parked'),
    ('batches', 'exchange_created', 'parked'),
    ('batches', 'pay_ordered', 'parked'),
    ('batches', 'paid', 'parked'),
    ('batches', 'parked', 'finished'),
    ('batches', 'parked', 'released'),

    ('swaps', 'requested', 'quoted'),
    ('swaps', 'requested', 'created'),
    ('swaps', 'requested', 'failed'),
    ('swaps', 'requested', 'parked'),
    ('swaps', 'quoted', 'created'),
    ('swaps', 'quoted', 'failed'),
    ('swaps', 'quoted', 'parked'),
    ('swaps', 'created', 'paid'),
    ('swaps', 'created', 'failed'),
    ('swaps', 'created', 'expired'),
    ('swaps', 'created', 'parked'),
    ('swaps', 'paid', 'finished'),
    ('swaps', 'paid', 'failed'),
    ('swaps', 'paid', 'refunded'),
    ('swaps', 'paid', 'parked'),
    ('swaps', 'parked', 'finished'),
    ('swaps', 'parked', 'failed'),
    ('swaps', 'parked', 'refunded'),

    ('transfers', 'requested', 'approved'),
    ('transfers', 'requested', 'rejected'),
    ('transfers', 'requested', 'parked'),
    ('transfers', 'approved', 'requested'),
    ('transfers', 'approved', 'signed'),
    ('transfers', 'approved', 'rejected'),
    ('transfers', 'approved', 'parked'),
    ('transfers', 'signed', 'broadcast'),
    ('transfers', 'signed', 'mined'),
    ('transfers', 'signed', 'parked'),
    ('transfers', 'broadcast', 'mined'),
    ('transfers', 'broadcast', 'parked'),
    ('transfers', 'mined', 'broadcast'),
    ('transfers', 'mined', 'confirmed'),
    ('transfers', 'mined', 'failed'),
    ('transfers', 'confirmed', 'broadcast'),
    ('transfers', 'confirmed', 'settled'),
    ('transfers', 'parked', 'requested'),
    ('transfers', 'parked', 'rejected'),
    ('transfers', 'parked', 'broadcast'),
    ('transfers', 'parked', 'mined'),

    ('transfer_attempts', 'ordered', 'prepared'),
    ('transfer_attempts', 'ordered', 'superseded'),
    ('transfer_attempts', 'prepared', 'sent'),
    ('transfer_attempts', 'prepared', 'mined'),
    ('transfer_attempts', 'prepared', 'superseded'),
    ('transfer_attempts', 'sent', 'mined'),
    ('transfer_attempts', 'sent', 'superseded'),
    ('transfer_attempts', 'mined', 'sent'),
    ('transfer_attempts', 'superseded', 'mined');

CREATE FUNCTION refuse_unknown_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM state_edges
        WHERE entity = TG_TABLE_NAME AND from_state = OLD.state AND to_state = NEW.state
    ) THEN
        RAISE EXCEPTION '% may not move from % to %', TG_TABLE_NAME, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'state_edges';
    END IF;
    RETURN NEW;
END
$$;

-- Who is paid, how, and from which sum on.
CREATE TABLE clients (
    client_id            text PRIMARY KEY CHECK (client_id ~ '^-?[0-9A-Za-z_]{1,64}$'),
    wallet_address       text NOT NULL CHECK (wallet_address <> ''),
    payout_currency      text NOT NULL CHECK (payout_currency ~ '^[a-z0-9]{1,32}$'),
    payout_network       text NOT NULL CHECK (payout_network ~ '^[a-z0-9]{1,32}$'),
    payout_extra_id      text NOT NULL DEFAULT '',
    payout_strategy      text NOT NULL CHECK (payout_strategy IN ('instant', 'threshold')),
    payout_threshold_usd numeric(20, 2) NOT NULL CHECK (payout_threshold_usd >= 0),
    address_state        text NOT NULL CHECK (address_state IN ('verified', 'unverified')),
    paused_at            timestamptz,
    created_at           timestamptz NOT NULL
);

CREATE TABLE settings (
    name       text PRIMARY KEY,
    value      text NOT NULL,
    updated_at timestamptz NOT NULL
);

INSERT INTO settings (name, value, updated_at) VALUES ('threshold_usd', '20.00', now());

-- Every act of an operator, with who, why and what it changed: also the history of settings.
CREATE TABLE operator_acts (
    act_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    who     text NOT NULL CHECK (who <> ''),
    why     text NOT NULL CHECK (why <> ''),
    act     text NOT NULL,
    subject text NOT NULL,
    before  jsonb,
    after   jsonb
);

-- What the outside said, and when. value is NULL where it said "none" (no maximum, no estimate).
CREATE TABLE observations (
    observation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text NOT NULL,
    value          numeric,
    observed_at    timestamptz NOT NULL,
    UNIQUE (name, observed_at)
);

CREATE INDEX observations_by_age ON observations (observed_at);

CREATE TABLE observation_requests (
    name     text PRIMARY KEY,
    asked_at timestamptz NOT NULL
);

CREATE TABLE batches (
    batch_id           uuid PRIMARY KEY,
    state              text NOT NULL CHECK (state IN ('claimed', 'exchange_created', 'pay_ordered',
                           'paid', 'finished', 'distributed', 'released', 'parked')),
    state_since        timestamptz NOT NULL,
    created_at         timestamptz NOT NULL,
    opened_for         text NOT NULL CHECK (opened_for IN ('threshold', 'max_age')),
    payments_count     integer NOT NULL CHECK (payments_count > 0),
    claimed_wei        numeric(78, 0) NOT NULL CHECK (claimed_wei > 0),
    claimed_usd        numeric(20, 6) NOT NULL CHECK (claimed_usd >= 0),
    threshold_usd      numeric(20, 2) NOT NULL,
    eth_usd            numeric NOT NULL CHECK (eth_usd > 0),
    received_microusdt numeric(38, 0) CHECK (received_microusdt > 0),
    reason             text,
    announced_state    text, -- the last state that the outside world was told of
    CONSTRAINT received_when_finished
        CHECK (state NOT IN ('finished', 'distributed') OR received_microusdt IS NOT NULL),
    CONSTRAINT reason_when_given_up
        CHECK (state NOT IN ('released', 'parked') OR reason IS NOT NULL)
);

CREATE INDEX batches_open ON batches (state_since)
    WHERE state NOT IN ('distributed', 'released');

CREATE INDEX batches_unannounced ON batches (state_since)
    WHERE announced_state IS NULL
        OR (state IN ('distributed', 'released', 'parked') AND announced_state <> state);

CREATE TABLE payments (
    payment_id      text COLLATE "C" PRIMARY KEY CHECK (payment_id <> ''),
    source          text NOT NULL,
    client_id       text NOT NULL REFERENCES clients,
    state           text NOT NULL CHECK (state IN ('pending', 'waiting_instant', 'held', 'swapping',
                        'converted', 'in_payout', 'paid', 'parked')),
    credited_as     text NOT NULL CHECK (credited_as IN ('pending', 'waiting_instant')),
    state_since     timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    received_wei    numeric(78, 0) NOT NULL CHECK (received_wei > 0),
    fee_percent     numeric(6, 3) NOT NULL CHECK (fee_percent BETWEEN 0 AND 100),
    fee_wei         numeric(78, 0) NOT NULL CHECK (fee_wei >= 0),
    net_wei         numeric(78, 0) NOT NULL CHECK (net_wei >= 0),
    -- what the exchange kept when it refunded less than it was paid
    refund_loss_wei numeric(78, 0) NOT NULL DEFAULT 0 CHECK (refund_loss_wei >= 0),
    convertible_wei numeric(78, 0) NOT NULL GENERATED ALWAYS AS (net_wei - refund_loss_wei) STORED
                        CHECK (convertible_wei >= 0),
    invoice_usd     numeric(20, 6),
    net_usd         numeric(20, 6) CHECK (net_usd >= 0),
    net_usd_from    text NOT NULL CHECK (net_usd_from IN ('observation', 'invoice', 'nothing')),
    paid_at         text NOT NULL,
    fingerprint     bytea NOT NULL CHECK (length(fingerprint) = 32),
    notification    bytea NOT NULL,
    -- deferred: rows are claimed first, then the batch is written over what they came to
    batch_id        uuid REFERENCES batches DEFERRABLE INITIALLY DEFERRED,
    share_microusdt numeric(38, 0) CHECK (share_microusdt >= 0),
    attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    park_reason     text,
    CONSTRAINT fee_and_net_are_all CHECK (received_wei = fee_wei + net_wei),
    CONSTRAINT valued_or_not CHECK ((net_usd IS NULL) = (net_usd_from = 'nothing')),
    CONSTRAINT batch_while_converting CHECK (state NOT IN ('swapping', 'converted')
        OR batch_id IS NOT NULL),
    CONSTRAINT no_batch_while_waiting CHECK (state NOT IN ('pending', 'waiting_instant', 'held')
        OR batch_id IS NULL),
    CONSTRAINT share_when_converted CHECK ((state = 'converted') <= (share_microusdt IS NOT NULL)),
    CONSTRAINT no_share_before CHECK (state NOT IN ('pending', 'waiting_instant', 'held',
        'swapping') OR share_microusdt IS NULL),
    CONSTRAINT reason_when_parked CHECK ((state = 'parked') = (park_reason IS NOT NULL))
);

CREATE INDEX payments_pending ON payments (received_at, payment_id) WHERE state = 'pending';
CREATE INDEX payments_of_batch ON payments (batch_id, payment_id) WHERE batch_id IS NOT NULL;
CREATE INDEX payments_of_client ON payments (client_id, state);

-- What must not be credited blindly: always a row with its evidence, until a person decides.
CREATE TABLE held_payments (
    held_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id        text NOT NULL,
    source            text NOT NULL,
    client_id         text NOT NULL,
    reason            text NOT NULL CHECK (reason IN ('unknown_client', 'client_paused',
                          'wrong_asset', 'redeposit', 'conflict', 'implausible_amount',
                          'amount_unknown', 'malformed')),
    detail            text NOT NULL,
    received_amount   text NOT NULL,
    received_currency text NOT NULL,
    received_network  text NOT NULL,
    invoice_usd       text NOT NULL,
    order_id          text NOT NULL,
    parent_payment_id text NOT NULL,
    paid_at           text NOT NULL,
    fingerprint       bytea NOT NULL CHECK (length(fingerprint) = 32),
    notification      bytea NOT NULL,
    state             text NOT NULL CHECK (state IN ('held', 'accepted', 'rejected')),
    held_at           timestamptz NOT NULL,
    decided_at        timestamptz,
    CONSTRAINT decided_when_decided CHECK ((state = 'held') = (decided_at IS NULL)),
    UNIQUE (payment_id, fingerprint)
);

CREATE INDEX held_payments_waiting ON held_payments (held_at) WHERE state = 'held';

-- What each run of the threshold check decided, "nothing" included.
CREATE TABLE threshold_checks (
    check_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             timestamptz NOT NULL,
    decision       text NOT NULL CHECK (decision IN ('open', 'wait')),
    reason         text NOT NULL,
    payments_count integer NOT NULL,
    claimed_wei    numeric(78, 0) NOT NULL,
    claimed_usd    numeric(20, 6) NOT NULL,
    threshold_usd  numeric(20, 2) NOT NULL,
    batch_id       uuid REFERENCES batches,
    CONSTRAINT batch_when_open CHECK ((decision = 'open') = (batch_id IS NOT NULL))
);

-- A swap is our wish to turn one amount into another; swap_id is also its transfer's unique_id.
CREATE TABLE swaps (
    swap_id            text PRIMARY KEY CHECK (swap_id ~ '^[A-Z0-9]{16}$'),
    context            text NOT NULL CHECK (context IN ('batch', 'threshold', 'instant')),
    owner_id           text NOT NULL,
    generation         integer NOT NULL CHECK (generation > 0),
    state              text NOT NULL CHECK (state IN ('requested', 'quoted', 'created', 'paid',
                           'finished', 'failed', 'refunded', 'expired', 'parked')),
    state_since        timestamptz NOT NULL,
    created_at         timestamptz NOT NULL,
    asked_at           timestamptz,
    from_currency      text NOT NULL,
    from_network       text NOT NULL,
    from_amount_units  numeric(78, 0) NOT NULL CHECK (from_amount_units > 0),
    value_usd          numeric(20, 6) NOT NULL,
    to_currency        text NOT NULL,
    to_network         text NOT NULL,
    payout_address     text NOT NULL,
    refund_address     text NOT NULL,
    cn_api_id          text UNIQUE,
    payin_address      text,
    expected_to_amount numeric,
    provider_status    text,
    provider_amount_to numeric,
    payout_hash        text,
    refund_hash        text,
    provider_refund_amount numeric,
    refunded_units     numeric(78, 0) CHECK (refunded_units > 0),
    received_units     numeric(78, 0) CHECK (received_units > 0),
    reason             text,
    UNIQUE (context, owner_id, generation),
    CONSTRAINT exchange_when_created CHECK (state NOT IN ('created', 'paid', 'finished', 'refunded')
        OR (cn_api_id IS NOT NULL AND payin_address IS NOT NULL)),
    CONSTRAINT received_when_finished CHECK ((state = 'finished') <= (received_units IS NOT NULL)),
    CONSTRAINT refund_when_refunded CHECK ((state = 'refunded') <= (refunded_units IS NOT NULL)),
    CONSTRAINT reason_when_ended CHECK (state NOT IN ('failed', 'expired', 'parked')
        OR reason IS NOT NULL)
);

CREATE UNIQUE INDEX one_refund_per_transaction ON swaps (refund_hash)
    WHERE state = 'refunded';
CREATE UNIQUE INDEX one_live_swap_per_owner ON swaps (context, owner_id)
    WHERE state NOT IN ('failed', 'refunded', 'expired');
CREATE INDEX swaps_open ON swaps (state_since)
    WHERE state IN ('requested', 'quoted', 'created', 'paid', 'finished');

-- Every exchange the provider ever made for a swap; the current one is the one we pay.
CREATE TABLE exchanges (
    cn_api_id     text PRIMARY KEY,
    swap_id       text NOT NULL REFERENCES swaps,
    payin_address text NOT NULL,
    is_current    boolean NOT NULL,
    recorded_at   timestamptz NOT NULL
);

CREATE UNIQUE INDEX one_current_exchange ON exchanges (swap_id) WHERE is_current;

-- Token transfers to our wallet as the chain logged them; each log is used once.
CREATE TABLE token_receipts (
    tx_hash      text NOT NULL CHECK (tx_hash ~ '^0x[0-9a-f]{64}$'),
    log_index    integer NOT NULL,
    swap_id      text NOT NULL REFERENCES swaps,
    from_address text NOT NULL,
    amount_units numeric(78, 0) NOT NULL CHECK (amount_units > 0),
    block_number bigint NOT NULL,
    block_hash   text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    PRIMARY KEY (tx_hash, log_index)
);

CREATE INDEX token_receipts_of_swap ON token_receipts (swap_id);

CREATE TABLE wallets (
    address    text NOT NULL CHECK (address ~ '^0x[0-9a-f]{40}$'),
    chain_id   bigint NOT NULL,
    first_nonce bigint NOT NULL CHECK (first_nonce >= 0),
    next_nonce bigint NOT NULL,
    status     text NOT NULL CHECK (status IN ('active', 'frozen')),
    reason     text,
    adopted_at timestamptz NOT NULL,
    PRIMARY KEY (address, chain_id),
    CONSTRAINT nonce_goes_up CHECK (next_nonce >= first_nonce),
    CONSTRAINT reason_when_frozen CHECK ((status = 'frozen') = (reason IS NOT NULL))
);

-- A payment out of our wallet. What is paid, and to whom, never changes after the insert.
CREATE TABLE transfers (
    unique_id               text PRIMARY KEY CHECK (unique_id ~ '^[A-Z0-9]{16}$'),
    context                 text NOT NULL CHECK (context IN ('batch', 'threshold', 'instant')),
    kind                    text NOT NULL CHECK (kind IN ('exchange', 'direct')),
    swap_id                 text REFERENCES swaps,
    cn_api_id               text,
    wallet                  text NOT NULL CHECK (wallet ~ '^0x[0-9a-f]{40}$'),
    chain_id                bigint NOT NULL,
    currency                text NOT NULL,
    network                 text NOT NULL,
    token                   text,
    to_address              text NOT NULL,
    amount_units            numeric(78, 0) NOT NULL CHECK (amount_units > 0),
    state                   text NOT NULL CHECK (state IN ('requested', 'approved', 'signed',
                                'broadcast', 'mined', 'confirmed', 'settled', 'rejected', 'parked',
                                'failed')),
    state_since             timestamptz NOT NULL,
    created_at              timestamptz NOT NULL,
    asked_at                timestamptz,
    approved_at             timestamptz,
    signed_at               timestamptz,
    nonce                   bigint,
    preflight_at            timestamptz,
    preflight_chain_id      bigint,
    preflight_balance_wei   numeric(78, 0),
    preflight_token_units   numeric(78, 0),
    preflight_latest_nonce  bigint,
    preflight_pending_nonce bigint,
    preflight_finalized_nonce bigint,
    preflight_base_fee_wei  numeric(78, 0),
    preflight_tip_wei       numeric(78, 0),
    preflight_gas           bigint,
    preflight_problem       text,
    tx_hash                 text,
    block_number            bigint,
    block_hash              text,
    gas_used                bigint,
    effective_gas_price_wei numeric(78, 0),
    reason                  text,
    CONSTRAINT exchange_has_swap CHECK ((kind = 'exchange') = (swap_id IS NOT NULL)
        AND (kind = 'exchange') = (cn_api_id IS NOT NULL)),
    CONSTRAINT approved_when_approved CHECK (state <> 'approved' OR approved_at IS NOT NULL),
    CONSTRAINT nonce_when_signed CHECK (state NOT IN ('signed', 'broadcast', 'mined', 'confirmed',
        'settled', 'failed') OR (nonce IS NOT NULL AND signed_at IS NOT NULL)),
    CONSTRAINT no_nonce_before CHECK (state NOT IN ('requested', 'approved', 'rejected')
        OR nonce IS NULL),
    CONSTRAINT block_when_mined CHECK (state NOT IN ('mined', 'confirmed', 'settled', 'failed')
        OR (tx_hash IS NOT NULL AND block_number IS NOT NULL AND block_hash IS NOT NULL)),
    CONSTRAINT reason_when_ended CHECK (state NOT IN ('rejected', 'parked', 'failed')
        OR reason IS NOT NULL)
);

CREATE UNIQUE INDEX one_live_transfer_per_exchange ON transfers (cn_api_id)
    WHERE state NOT IN ('rejected', 'failed');
CREATE UNIQUE INDEX one_live_transfer_per_swap ON transfers (swap_id)
    WHERE state NOT IN ('rejected', 'failed');
CREATE INDEX transfers_open ON transfers (state_since)
    WHERE state NOT IN ('settled', 'rejected', 'failed');
CREATE INDEX transfers_signed ON transfers (wallet, chain_id, signed_at)
    WHERE signed_at IS NOT NULL;

-- A nonce belongs to one transfer for ever.
CREATE TABLE transfer_nonces (
    wallet    text NOT NULL,
    chain_id  bigint NOT NULL,
    nonce     bigint NOT NULL,
    unique_id text NOT NULL REFERENCES transfers,
    is_live   boolean NOT NULL,
    PRIMARY KEY (wallet, chain_id, nonce),
    FOREIGN KEY (wallet, chain_id) REFERENCES wallets,
    UNIQUE (wallet, chain_id, nonce, unique_id)
);

CREATE UNIQUE INDEX one_live_nonce_per_transfer ON transfer_nonces (unique_id) WHERE is_live;

-- Signed bytes, committed before they leave. Every retry sends the bytes that stand here.
CREATE TABLE transfer_attempts (
    attempt_id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unique_id                    text NOT NULL,
    wallet                       text NOT NULL,
    chain_id                     bigint NOT NULL,
    nonce                        bigint NOT NULL,
    attempt_no                   integer NOT NULL CHECK (attempt_no > 0),
    kind                         text NOT NULL CHECK (kind IN ('pay', 'cancel')),
    state                        text NOT NULL CHECK (state IN ('ordered', 'prepared', 'sent',
                                     'mined', 'superseded')),
    state_since                  timestamptz NOT NULL,
    created_at                   timestamptz NOT NULL,
    to_address                   text NOT NULL,
    value_wei                    numeric(78, 0) NOT NULL CHECK (value_wei >= 0),
    data                         bytea NOT NULL,
    gas_limit                    bigint NOT NULL CHECK (gas_limit >= 21000),
    max_fee_per_gas_wei          numeric(78, 0) NOT NULL CHECK (max_fee_per_gas_wei > 0),
    max_priority_fee_per_gas_wei numeric(78, 0) NOT NULL CHECK (max_priority_fee_per_gas_wei >= 0),
    raw_transaction              bytea,
    tx_hash                      text UNIQUE CHECK (tx_hash ~ '^0x[0-9a-f]{64}$'),
    sent_at                      timestamptz,
    sends                        integer NOT NULL DEFAULT 0,
    last_outcome                 text,
    unmined_at_block             bigint, -- the head at which it was first looked for in vain
    UNIQUE (unique_id, attempt_no),
    FOREIGN KEY (wallet, chain_id, nonce, unique_id)
        REFERENCES transfer_nonces (wallet, chain_id, nonce, unique_id),
    CONSTRAINT tip_within_fee CHECK (max_priority_fee_per_gas_wei <= max_fee_per_gas_wei),
    CONSTRAINT bytes_with_hash CHECK ((raw_transaction IS NULL) = (tx_hash IS NULL)),
    CONSTRAINT bytes_when_prepared CHECK (state NOT IN ('prepared', 'sent', 'mined')
        OR raw_transaction IS NOT NULL),
    CONSTRAINT no_bytes_when_ordered CHECK (state <> 'ordered' OR raw_transaction IS NULL),
    CONSTRAINT cancel_pays_nothing CHECK (kind = 'pay' OR (value_wei = 0 AND data = ''))
);

CREATE TRIGGER batches_edges BEFORE UPDATE OF state ON batches
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION refuse_unknown_edge();
CREATE TRIGGER swaps_edges BEFORE UPDATE OF state ON swaps
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION refuse_unknown_edge();
CREATE TRIGGER transfers_edges BEFORE UPDATE OF state ON transfers
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION refuse_unknown_edge();
CREATE TRIGGER transfer_attempts_edges BEFORE UPDATE OF state ON transfer_attempts
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION refuse_unknown_edge();

-- What a transfer pays is fixed by its insert; what an attempt signed is fixed by its bytes.
CREATE FUNCTION refuse_change_of_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.to_address, NEW.amount_units, NEW.wallet, NEW.chain_id, NEW.token, NEW.cn_api_id)
        IS DISTINCT FROM
       (OLD.to_address, OLD.amount_units, OLD.wallet, OLD.chain_id, OLD.token, OLD.cn_api_id) THEN
        RAISE EXCEPTION 'what transfer % pays may not change', OLD.unique_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.nonce IS NOT NULL AND NEW.nonce IS NULL THEN
        RAISE EXCEPTION 'transfer % may not lose its nonce', OLD.unique_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER transfers_pay_the_same BEFORE UPDATE ON transfers
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_payment();

CREATE FUNCTION refuse_change_of_bytes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an attempt is never deleted' USING ERRCODE = 'check_violation';
    END IF;
    IF (OLD.raw_transaction IS NOT NULL
        AND (NEW.raw_transaction, NEW.tx_hash) IS DISTINCT FROM (OLD.raw_transaction, OLD.tx_hash))
       OR (NEW.unique_id, NEW.wallet, NEW.chain_id, NEW.nonce, NEW.kind, NEW.to_address,
           NEW.value_wei, NEW.data, NEW.gas_limit, NEW.max_fee_per_gas_wei,
           NEW.max_priority_fee_per_gas_wei) IS DISTINCT FROM
          (OLD.unique_id, OLD.wallet, OLD.chain_id, OLD.nonce, OLD.kind, OLD.to_address,
           OLD.value_wei, OLD.data, OLD.gas_limit, OLD.max_fee_per_gas_wei,
           OLD.max_priority_fee_per_gas_wei) THEN
        RAISE EXCEPTION 'what attempt % signed may not change', OLD.attempt_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER transfer_attempts_stay BEFORE UPDATE OR DELETE ON transfer_attempts
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_bytes();
