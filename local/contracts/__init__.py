"""The two contracts of the local chain: a token with USDT's quirks and an ETH/USD feed."""
