-- How many nonces of a wallet the nodes' pools were last seen to take; NULL: no limit was seen.
ALTER TABLE wallets
    ADD COLUMN pool_room integer CHECK (pool_room > 0),
    ADD COLUMN pool_full_at timestamptz,
    ADD CONSTRAINT full_when_room_is_short CHECK (pool_room IS NULL OR pool_full_at IS NOT NULL);

-- Only ETH moves without a contract.
ALTER TABLE transfers
    ADD CONSTRAINT token_unless_eth CHECK ((token IS NULL) = (currency = 'eth'));

-- A nonce belongs to one transfer for ever, and a transfer keeps the nonce it has.
CREATE FUNCTION refuse_change_of_nonce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'nonce % of % is given away for ever', OLD.nonce, OLD.wallet
        USING ERRCODE = 'check_violation';
END
$$;

CREATE TRIGGER transfer_nonces_stay BEFORE UPDATE OR DELETE ON transfer_nonces
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_nonce();

CREATE FUNCTION refuse_other_nonce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'transfer % keeps its nonce', OLD.unique_id USING ERRCODE = 'check_violation';
END
$$;

CREATE TRIGGER transfers_keep_their_nonce BEFORE UPDATE OF nonce ON transfers
    FOR EACH ROW WHEN (OLD.nonce IS NOT NULL AND NEW.nonce IS DISTINCT FROM OLD.nonce)
    EXECUTE FUNCTION refuse_other_nonce();
