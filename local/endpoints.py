"""Where a running local stack is: the contents of `.local/endpoints.json`."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

FILE = "endpoints.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Addresses and names of one local stack."""

    webhook_url: str  # the API's base: paths are appended to it
    database_url: str
    rpc_url: str  # what the functions use
    changenow_url: str  # what the functions use
    own_rpc_url: str  # our node, which always runs
    own_changenow_url: str  # our simulator, which always runs
    aws_endpoint_url: str
    usdt_address: str
    host_wallet: str
    functions: dict[str, str]  # stage → deployed name
    queues: dict[str, str]  # queue → URL
    secrets: dict[str, str]  # canonical name → name in Secrets Manager
    day_seconds: int = 86_400  # how long a day lasts: less for drills
    gates: dict[str, str] = field(default_factory=dict)  # "rpc", "sqs" → what drills close

    def write(self, folder: Path) -> None:
        """Puts them into `folder`, whole or not at all."""
        unfinished = folder / f"{FILE}.unfinished"
        unfinished.write_text(json.dumps(asdict(self), indent=2) + "\n")
        unfinished.replace(folder / FILE)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Those of the stack in `folder`. Raises FileNotFoundError when none is up."""
        return cls(**json.loads((folder / FILE).read_text()))
