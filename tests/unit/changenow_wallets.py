"""Well-known addresses of other networks, their check sums right."""

BITCOIN = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
LITECOIN = "ltc1qg42tkwuuxefutzxezdkdel39gfstuap288mfea"
MONERO = (
    "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQB"
    "EP3A"
)
RIPPLE = "rN7n7otQDd6FczFgLdSqtcsAUxDkw6fzRH"
SOLANA = "7v91N7iZ9mNicL8WfG6cgSCKyRXydQjLh6UYBWwm6y1Q"
TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
BY_NETWORK = {
    "btc": BITCOIN, "ltc": LITECOIN, "sol": SOLANA, "trx": TRON, "xmr": MONERO, "xrp": RIPPLE,
}  # fmt: skip
