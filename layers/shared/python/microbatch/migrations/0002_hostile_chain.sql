-- How many nonces of a wallet the nodes' pools were last seen to take; NULL: no limit was seen.
ALTER TABLE wallets
    ADD COLUMN pool_room integer CHECK (pool_room > 0),
    ADD COLUMN pool_full_at timestamptz,
    ADD CONSTRAINT full_when_room_is_short CHECK (pool_room IS NULL OR pool_full_at IS NOT NULL);

-- Only ETH moves without a contract.
ALTER TABLE transfers
    ADD CONSTRAINT token_unless_eth CHECK ((token IS NULL) = (currency = 'eth'));
