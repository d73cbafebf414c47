"""What AWS asks for a request, at list in us-east-1 and without any free tier, in USD."""

from dataclasses import dataclass
from decimal import Decimal

MILLION = Decimal(10**6)
GIB = Decimal(2**30)

API_REQUEST = Decimal("1.00") / MILLION
LAMBDA_REQUEST = Decimal("0.20") / MILLION
LAMBDA_GB_SECOND = Decimal("0.0000133334")  # arm64
SQS_REQUEST = Decimal("0.40") / MILLION  # standard, up to 64 KB
EVENT = Decimal("1.00") / MILLION  # a custom event on a bus, up to 64 KB
SECRET_REQUEST = Decimal("0.05") / 10_000
LOG_GIB = Decimal("0.50")
TRACE = Decimal("5.00") / MILLION  # recorded
SCHEDULED = Decimal("1.00") / MILLION

# Lambda's own START, END and REPORT, and what traces of 5 % of the calls cost.
LAMBDA_LOG_BYTES = 350
TRACED = Decimal("0.05")
ACCESS_LOG_BYTES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What something has used of AWS, each in AWS's own unit."""

    api_requests: Decimal = Decimal(0)
    invocations: Decimal = Decimal(0)
    gb_seconds: Decimal = Decimal(0)
    sqs_requests: Decimal = Decimal(0)
    events: Decimal = Decimal(0)
    log_bytes: Decimal = Decimal(0)

    def times(self, factor: Decimal | int) -> "Use":
        """So many of it."""
        return Use(**{name: getattr(self, name) * factor for name in self.__slots__})

    def plus(self, other: "Use") -> "Use":
        """Both."""
        return Use(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})

    def usd(self) -> dict[str, Decimal]:
        """The price of it, by line of the bill."""
        return {
            "API Gateway": self.api_requests * API_REQUEST,
            "Lambda requests": self.invocations * LAMBDA_REQUEST,
            "Lambda time": self.gb_seconds * LAMBDA_GB_SECOND,
            "SQS": self.sqs_requests * SQS_REQUEST,
            "function logs": self.log_bytes / GIB * LOG_GIB,
            "EventBridge": self.events * EVENT,
        }

    @property
    def total_usd(self) -> Decimal:
        """The price of all of it."""
        return sum(self.usd().values(), Decimal(0))
