"""Alchemy's notifications, in the shapes that its documentation and its requests show."""

import base64
import hashlib
import hmac
import json
from typing import Any

KEY = "whsec_ofATestOfAlchemysNotify"
NETWORK = "ETH_MAINNET"
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def token(tx_hash: str, sender: str, to: str, *, removed: bool = False) -> dict[str, Any]:
    """A transfer of a token: a log."""
    raw_value = "0x" + f"{293_092_129:064x}"
    topics = [TRANSFER_TOPIC, *("0x" + party[2:].lower().rjust(64, "0") for party in (sender, to))]
    return {
        "blockNum": "0xdf34a3",
        "hash": tx_hash,
        "fromAddress": sender.lower(),
        "toAddress": to.lower(),
        "value": 293.092129,
        "erc721TokenId": None,
        "erc1155Metadata": None,
        "asset": "USDC",
        "category": "token",
        "rawContract": {"rawValue": raw_value, "address": USDC, "decimals": 6},
        "typeTraceAddress": None,
        "log": {
            "address": USDC,
            "topics": topics,
            "data": raw_value,
            "blockNumber": "0xdf34a3",
            "transactionHash": tx_hash,
            "transactionIndex": "0x46",
            "blockHash": "0x" + "a9" * 32,
            "logIndex": "0x6e",
            "removed": removed,
        },
    }


def external(tx_hash: str, sender: str, to: str) -> dict[str, Any]:
    """ETH that a transaction itself carries: no log, no contract."""
    return {
        "blockNum": "0xdf34a3",
        "hash": tx_hash,
        "fromAddress": sender.lower(),
        "toAddress": to.lower(),
        "value": 0.0194,
        "asset": "ETH",
        "category": "external",
        "rawContract": {"rawValue": "0x44ec2a0a4d8000", "decimals": 18},
    }


def notification(*activity: object, **changed: object) -> bytes:
    """The body of one request."""
    envelope = {
        "webhookId": "wh_k63lg72rxda78gce",
        "id": "whevt_vq499kv7elmlbp2v",
        "createdAt": "2024-01-23T07:42:26.411977228Z",
        "type": "ADDRESS_ACTIVITY",
        "event": {"network": NETWORK, "activity": list(activity)},
    }
    return json.dumps(envelope | changed).encode()


OVER_CAPACITY = notification(
    event={
        "error": "Monthly capacity limit exceeded. Visit https://dashboard.alchemy.com/settings/"
        "billing to upgrade your scaling policy for continued service."
    }
)


def signature(body: bytes, key: str = KEY) -> str:
    """What comes in X-Alchemy-Signature."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def headers(body: bytes, key: str = KEY) -> dict[str, str]:
    """The headers of one request, as the API hands them on."""
    return {"content-type": "application/json", "x-alchemy-signature": signature(body, key)}


def request(body: bytes, *, key: str = KEY, encoded: bool = False) -> dict[str, Any]:
    """What API Gateway makes of one request."""
    return {
        "version": "2.0",
        "routeKey": "POST /webhooks/alchemy",
        "headers": headers(body, key),
        "body": base64.b64encode(body).decode() if encoded else body.decode(),
        "isBase64Encoded": encoded,
    }
