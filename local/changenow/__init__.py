"""A ChangeNOW v2 simulator: its surface, its JSON shapes, its states, driven by a real chain.

Deposits of ETH and USDT are read from the chain only; payouts in them and refunds are real
transactions, payouts in other currencies are payments on chains kept in memory (foreign.py). How
sure each behaviour is, by its source:

recorded    key sets of create, by-id, range and estimated-amount; numbers without exponents; null
            amounts while waiting; the body of deposit_too_small; 14-hex ids; checksummed deposit
            addresses
documented  paths and query names, gated endpoints, forbidden (another key), invalid_api_key on
            lists, not_found and not_available of actions, related and repeated exchanges,
            30 calls a second and 1800 a minute, amount formula, extraId returned as
            payoutExtraId, a wrong address as 200 with result false, an unknown network as 400
assumed     bodies of 401, 429 and of an unknown id (404); `expired` and when it comes; outcome of
            short and late deposits (failed, actionsAvailable); number of confirmations; standard
            flow only (fixed-rate answers fixed_rate_not_enabled, reverse not_valid_params);
            withdrawal fee taken into the minimum; shape of originalExchangeInfo; an exchange into
            a currency with memos is created without one, and any memo is taken; only ETH and USDT
            are taken in (pair_is_inactive for the others)

A client must be right under every variant of what is assumed: `/_control/faults` makes them.
Deposits made from inside a contract call are not seen: only plain transfers and token transfers.
"""
