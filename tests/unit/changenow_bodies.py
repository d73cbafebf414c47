"""What ChangeNow answers, as it was seen to."""

from microbatch.vendors.changenow import ChangeNow, Pair
from tests.unit.stub_server import Answer, StubServer, told

KEY = "k3y-that-must-never-be-shown"
PAIR = Pair(from_currency="eth", from_network="eth", to_currency="usdt", to_network="eth")
PAYOUT = "0x00D2aBc0E3bC4b1eD3d1e7c1a29F8d9cC2F0aB10"
PAYIN = "0x82E5678e6360596b949f2d5727b61BEa1402126d"

# Bodies as recorded from the real service.
CREATED = (
    '{"fromAmount":0.01,"toAmount":18.373221,"flow":"standard","type":"direct",'
    f'"payinAddress":"{PAYIN}","payoutAddress":"{PAYOUT}","fromCurrency":"eth",'
    f'"toCurrency":"usdt","refundAddress":"{PAYOUT}","id":"c2036055d1f776",'
    '"directedAmount":0.01,"fromNetwork":"eth","toNetwork":"eth"}'
)
WAITING = {
    "id": "c2036055d1f776", "status": "waiting", "actionsAvailable": False,
    "fromCurrency": "eth", "fromNetwork": "eth", "toCurrency": "usdt", "toNetwork": "eth",
    "expectedAmountFrom": 0.01, "expectedAmountTo": 18.373221, "amountFrom": None,
    "amountTo": None, "payinAddress": PAYIN, "payoutAddress": PAYOUT, "payinExtraId": None,
    "payoutExtraId": None, "refundAddress": PAYOUT, "refundExtraId": None,
    "createdAt": "2026-07-29T14:04:27.001Z", "updatedAt": "2026-07-29T14:04:27.010Z",
    "validUntil": None, "depositReceivedAt": None, "payinHash": None, "payoutHash": None,
    "fromLegacyTicker": "eth", "toLegacyTicker": "usdterc20", "refundHash": None,
    "refundAmount": None, "userId": None, "originalExchangeInfo": None,
    "relatedExchangesInfo": [], "repeatedExchangesInfo": [],
}  # fmt: skip
RANGE = (
    '{"fromCurrency":"btc","fromNetwork":"btc","toCurrency":"xmr","toNetwork":"xmr",'
    '"flow":"standard","maxAmount":null,"minAmount":0.0001205}'
)
TOO_SMALL = (
    '{"error":"deposit_too_small","message":"Out of min amount",'
    '"payload":{"range":{"minAmount":0.00012045,"maxAmount":null}}}'
)
UNAUTHORIZED = Answer(401, "Unauthorized: x-changenow-api-key", "text/plain")

UNWELL = {
    "429 without a body": Answer(429),
    "429 with JSON": told({"error": "too_many_requests", "message": "slow down"}, 429),
    "500 with JSON": told({"error": "internal"}, 500),
    "502 with HTML": Answer(502, "<html>Bad gateway</html>", "text/html"),
    "503": Answer(503),
    "200 with HTML": Answer(200, "<html>Just a moment…</html>", "text/html"),
    "404 with HTML": Answer(404, "<!doctype html><HTML>", "text/html"),
    "200 empty": Answer(200),
    "200 truncated JSON": Answer(200, CREATED[:80]),
    "200 cut off": Answer(200, CREATED, claims_bytes=10_000),
    "200 with a list": Answer(200, "[]"),
    "200 with NaN": Answer(200, '{"minAmount":NaN}'),
    "200 with a repeated key": Answer(200, '{"id":"a","id":"b"}'),
    "200 nested without end": Answer(200, "[" * 100_000),
    "200 with an error of its own": told({"error": "internal_error", "message": "sorry"}),
    "400 with text": Answer(400, "Bad Request", "text/plain"),
    "408": Answer(408),
    "redirect": Answer(302),
    "no answer at all": Answer(hang_up=True),
}


def always(stub: StubServer, answer: Answer | str) -> None:
    found = answer if isinstance(answer, Answer) else Answer(200, answer)
    stub.answer = lambda _request: found


def by_path(stub: StubServer, **answers: Answer) -> None:
    """Answers by the last part of the path, `-` written `_`."""
    stub.answer = lambda request: answers[request.path.rpartition("/")[2].replace("-", "_")]


def create(changenow: ChangeNow, amount: str = "0.01"):
    return changenow.create(PAIR, amount=amount, payout_address=PAYOUT, refund_address=PAYOUT)
