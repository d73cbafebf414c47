"""A JSON-RPC proxy that lies, loses and delays on command, in front of a real node.

    with ChainProxy(anvil.url) as proxy:
        proxy.fault("drop_answer", "eth_sendRawTransaction")  # it is sent, nobody hears
        proxy.fault("error", error="nonce_too_low", times=3, skip=1)
        proxy.fault("lower_count", n=9, address=wallet, tag="latest")
        proxy.fault("stale_tag", n=5, times=FOR_EVER)  # finalized hangs behind
        proxy.fault("status", "*", status=429, retry_after=1, probability=0.2, seed=7, times=-1)
        ...
        proxy.calls("eth_sendRawTransaction")  # forwarded or not, what was true, what was said
        proxy.transactions(wallet)  # every transaction whose bytes ever came by

A call suffers the first fault in the script that concerns it and strikes; the others pass to the
node as they are. A lie that would have said the truth did not happen: its `times` stay.
As a process: python -m local.chain_proxy --help; its script is under /_control/faults.
"""

from local.chain_proxy.errors import ERRORS
from local.chain_proxy.faults import ANY_METHOD, FOR_EVER, KINDS, Fault
from local.chain_proxy.journal import Call, Incoming
from local.chain_proxy.script import Scripted
from local.chain_proxy.server import ChainProxy
from local.chain_proxy.transactions import RawTransaction

__all__ = [
    "ANY_METHOD",
    "ERRORS",
    "FOR_EVER",
    "KINDS",
    "Call",
    "ChainProxy",
    "Fault",
    "Incoming",
    "RawTransaction",
    "Scripted",
]
