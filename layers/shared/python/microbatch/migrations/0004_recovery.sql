-- Whoever looks after rows that stand still takes those first that nobody has looked at for longest:
-- one that can not be helped goes to the end, and holds up none of the others.
ALTER TABLE batches ADD COLUMN asked_at timestamptz;
ALTER TABLE address_changes ADD COLUMN asked_at timestamptz;
ALTER TABLE transfer_attempts ADD COLUMN asked_at timestamptz;

-- Since when a transfer has been tried: an age at which it is given up begins anew when a person has
-- it tried again. NULL: since it was made.
ALTER TABLE transfers ADD COLUMN tried_since timestamptz;

CREATE FUNCTION begin_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.tried_since := NEW.state_since;
    RETURN NEW;
END
$$;

CREATE TRIGGER transfers_tried_again BEFORE UPDATE OF state ON transfers
    FOR EACH ROW WHEN (OLD.state = 'parked' AND NEW.state <> 'parked')
    EXECUTE FUNCTION begin_anew();

-- Since when nothing is signed from a wallet.
ALTER TABLE wallets ADD COLUMN frozen_at timestamptz;
UPDATE wallets SET frozen_at = now() WHERE status = 'frozen';

-- What is counted every minute must not grow with what is long over.
-- swaps_open has the finished ones, too, of which there are more and more.
CREATE INDEX swaps_waiting ON swaps (state_since)
    WHERE state IN ('requested', 'quoted', 'created', 'paid');
CREATE INDEX swaps_parked ON swaps (state_since) WHERE state = 'parked';
CREATE INDEX payouts_parked ON payouts (state_since) WHERE state = 'parked';
CREATE INDEX payouts_direct_open ON payouts (state_since)
    WHERE kind = 'direct' AND state IN ('claimed', 'parked');
CREATE INDEX transfers_parked ON transfers (state_since) WHERE state = 'parked';
CREATE INDEX payments_held ON payments (state_since) WHERE state = 'held';
CREATE INDEX transfer_attempts_ordered ON transfer_attempts (state_since) WHERE state = 'ordered';
CREATE INDEX payments_waiting_by_age ON payments (received_at) WHERE state = 'waiting_instant';
