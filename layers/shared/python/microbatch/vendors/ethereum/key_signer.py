"""The wallet's key from a secret, as the one thing that can sign."""

from microbatch.vendors.ethereum.signing import Signed, address_of, may_be_paid, sign_transfer


class KeySigner:
    """Signs with a private key held in memory; KmsSigner has the same members."""

    def __init__(self, private_key: str) -> None:
        """Raises ConfigurationError when the key is malformed, never showing it."""
        self._private_key = private_key
        self.address = address_of(private_key)

    def __repr__(self) -> str:
        return f"KeySigner({self.address})"

    def accepts(self, to_address: str) -> bool:
        """Whether an address may be paid: EIP-55 when it is of mixed case, else a plain one."""
        return may_be_paid(to_address)

    def sign(
        self,
        *,
        chain_id: int,
        nonce: int,
        to_address: str,
        value_wei: int,
        data: bytes,
        gas_limit: int,
        max_fee_per_gas_wei: int,
        max_priority_fee_per_gas_wei: int,
    ) -> Signed:
        """One EIP-1559 transaction; the same fields give the same bytes (RFC 6979)."""
        from eth_utils.address import to_checksum_address  # noqa: PLC0415 - costs a second

        return sign_transfer(
            self._private_key,
            chain_id=chain_id,
            nonce=nonce,
            to=to_checksum_address(to_address),
            value_wei=value_wei,
            data=data,
            gas_limit=gas_limit,
            max_fee=max_fee_per_gas_wei,
            max_priority_fee=max_priority_fee_per_gas_wei,
        )
