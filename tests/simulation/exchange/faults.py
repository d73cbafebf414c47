"""What goes wrong between us and the exchange: before it has done what we ask, or after."""

import requests

from tests.simulation.chance import Chance
from tests.simulation.exchange.api import Answer

REFUSES, UNHEARD, MISREAD, FORGETS = 0.02, 0.015, 0.005, 0.01
DECLINES = 0.04
INSTEAD = (
    Answer(429, b'{"error":"too_many_requests"}'),
    Answer(500, b'{"error":"internal_error"}'),
    Answer(503, b"<html><body>Service Unavailable</body></html>"),
    Answer(401, b'{"error":"unauthorized"}'),
)
DECLINED = Answer(400, b'{"error":"not_valid_refund_address","message":"Invalid refund address"}')
NOT_FOUND = Answer(404, b'{"error":"not_found","message":"Not found"}')


class ExchangeFaults:
    """Drawn at every call."""

    def __init__(self, chance: Chance, severity: float) -> None:
        self._chance, self._severity = chance, severity
        self.down = False

    def before(self, method: str, path: str) -> Answer | None:
        """The call does not come through: an answer instead, or an error. None: it does."""
        if self.down or self._strikes("exchange_unreachable", path, REFUSES):
            raise requests.ConnectionError("no route to host")
        if self._strikes("exchange_busy", path, REFUSES):
            return self._chance.pick("exchange busy", INSTEAD)
        if path.endswith("/by-id") and self._strikes("exchange_forgets", path, FORGETS):
            return NOT_FOUND
        if method == "POST" and self._strikes("exchange_declines", path, DECLINES):
            return DECLINED
        return None

    def after(self, method: str, path: str, answer: Answer) -> Answer:
        """It has come through: its answer may not."""
        if self._strikes("exchange_unheard", path, UNHEARD):
            raise requests.ReadTimeout("read timed out")
        if self._strikes("exchange_misread", path, MISREAD):
            return Answer(answer.status_code, answer.content[: len(answer.content) // 2])
        return answer

    def _strikes(self, kind: str, path: str, likely: float) -> bool:
        return self._chance.strikes(kind, path, likely * self._severity)
