"""What an ERC-20 token says: balances, and whom USDT has put on its blacklist."""

from typing import Any

from microbatch.errors import InvalidInput, RetryLater
from microbatch.vendors.ethereum.rpc import NodeRefusal, Said, octets, words
from microbatch.vendors.ethereum.signing import TRANSFER_SELECTOR
from microbatch.vendors.wire import cut

CALL = "eth_call"
BALANCE_OF = "0x70a08231"
IS_BLACKLISTED = "0xe47d6060"  # isBlackListed(address) of TetherToken
PAYEE_BLACKLISTED = "payee_blacklisted"
TRANSFER_CALL_BYTES = 4 + 2 * 32
PAYEE_ENDS_AT = 4 + 32
ADDRESS_BYTES = 20


def balance_call(token: str, wallet: str) -> tuple[Any, ...]:
    """The call that asks what a wallet has of the token."""
    return _view(token, BALANCE_OF, wallet)


def balance_in(result: object, token: str) -> int:
    """What the wallet has. Raises RetryLater where there is no token."""
    found = words(octets(CALL, result))
    if not found:
        raise RetryLater(f"Ethereum node: there is no token at {token}")
    return found[0]


def blacklist_call(token: str, payee: str) -> tuple[Any, ...]:
    """The call that asks whether the token has a payee on its blacklist."""
    return _view(token, IS_BLACKLISTED, payee)


def blacklists(said: Said) -> bool:
    """Whether the token says so: USDT takes from such an address whatever it gets.

    A token without such a list is one that blacklists nobody. Raises RetryLater.
    """
    try:
        return words(octets(CALL, said.result))[:1] == [1]
    except NodeRefusal as refusal:
        if refusal.reverted:
            return False
        raise


def payee_of(data: bytes) -> str:
    """To whom a call transfer(address,uint256) moves tokens. Raises InvalidInput."""
    if len(data) != TRANSFER_CALL_BYTES or not data.startswith(TRANSFER_SELECTOR):
        raise InvalidInput(f"data {cut(data.hex(), 80)!r} is not a call of transfer()")
    return "0x" + data[PAYEE_ENDS_AT - ADDRESS_BYTES : PAYEE_ENDS_AT].hex()


def _view(token: str, selector: str, address: str) -> tuple[Any, ...]:
    return CALL, {"to": token, "data": selector + address[2:].rjust(64, "0")}, "latest"
