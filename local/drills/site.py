"""A running local stack as a drill holds it: its users, and what can be taken away from it."""

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from local.customer import Customer
from local.endpoints import Endpoints
from local.leftovers import POSTGRES
from local.postgres import Postgres

CONTROL_SECONDS = 5.0
PEEK_SECONDS = 30
PEEKED_AT_ONCE = 10
REDRIVEN_AT_ONCE = 1000
# Two to twelve minutes in production. A message that comes back too early is only seen twice.
VISIBILITY_SECONDS = 10


class Site(Customer):
    """One stack that was brought up for drills, and the folder it lives in."""

    def __init__(self, endpoints: Endpoints, folder: Path) -> None:
        self._client = cache(super()._client)  # type: ignore[method-assign]
        super().__init__(endpoints)
        self.postgres = Postgres(folder / POSTGRES, urlsplit(endpoints.database_url).port)
        self._http = requests.Session()
        self._http.trust_env = False
        for service in ("lambda", "sqs", "events"):
            self._client(service)  # now: several threads may not make one at a time

    @property
    def day_seconds(self) -> int:
        """How long a day lasts here."""
        return self.endpoints.day_seconds

    # --- what can be taken away -----------------------------------------------------------------

    def script_changenow(self, **fault: Any) -> None:
        """The exchange fails as said, from now on. Raises requests.RequestException."""
        self._order("POST", f"{self.endpoints.own_changenow_url}/_control/faults", fault)

    def unscript_changenow(self) -> None:
        """The exchange is well again. Raises requests.RequestException."""
        self._order("DELETE", f"{self.endpoints.own_changenow_url}/_control/faults")

    def calls_of_changenow(self) -> int:
        """How often functions have called it so far. Raises requests.RequestException."""
        calls = self._order("GET", f"{self.endpoints.own_changenow_url}/_control/calls")
        return sum(count for call, count in calls.items() if "/v2/" in call)

    def script_node(self, **fault: Any) -> None:
        """The node fails as said, from now on. Raises requests.RequestException."""
        self._order("POST", self.endpoints.gates["rpc"], fault)

    def unscript_node(self) -> int:
        """The node is well again; how many calls have failed. Raises requests.RequestException."""
        failed = sum(one["fired"] for one in self._order("GET", self.endpoints.gates["rpc"]))
        self._order("DELETE", self.endpoints.gates["rpc"])
        return int(failed)

    def close_sqs(self, way: str) -> None:
        """No function reaches SQS any more. Raises requests.RequestException."""
        self._order("POST", self.endpoints.gates["sqs"], {"closed": way})

    def open_sqs(self) -> int:
        """SQS is there again; how many requests were refused so far."""
        return int(self._order("DELETE", self.endpoints.gates["sqs"])["refused"])

    def deliver(self, *, enabled: bool, but: str = "") -> None:
        """Whether queues, all but one, hand their messages to functions."""
        client = self._client("lambda")
        for page in client.get_paginator("list_event_source_mappings").paginate():
            for mapping in page["EventSourceMappings"]:
                if not but or not mapping["EventSourceArn"].endswith(f"-{but}"):
                    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def put(self, queue: str, body: str) -> None:
        """A message that nobody of ours has sent."""
        self._client("sqs").send_message(QueueUrl=self.endpoints.queues[queue], MessageBody=body)

    def purge(self, queue: str, *, dead: bool = False) -> int:
        """Every message of a queue is lost, those in a function's hands too; how many."""
        lost = self.depth(queue, dead=dead)
        url = self.endpoints.queues[queue] + ("-dlq" if dead else "")
        self._client("sqs").purge_queue(QueueUrl=url)
        return lost

    def shorten_visibility(self) -> None:
        """Messages of a function that ended without a word come back soon, as the day is short."""
        for url in self.endpoints.queues.values():
            self._client("sqs").set_queue_attributes(
                QueueUrl=url, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
            )

    # --- what stands in the queues --------------------------------------------------------------

    def busy(self) -> dict[str, int]:
        """Messages in each queue that has any, those on their way included."""
        depths = {queue: self.depth(queue) for queue in self.endpoints.queues}
        return {queue: depth for queue, depth in depths.items() if depth}

    def dead_letters(self) -> Counter[tuple[str, str]]:
        """How many dead letters there are, by queue and reason; they stay."""
        found: Counter[tuple[str, str]] = Counter()
        for queue, url in self.endpoints.queues.items():
            for message in self._peek(url + "-dlq"):
                attributes = message.get("MessageAttributes", {})
                found[queue, attributes.get("reason", {}).get("StringValue", "")] += 1
        return found

    def redrive(self, queue: str, *, discards: bool = False) -> Counter[str]:
        """An operator's act, until it has seen every dead letter: what became of how many."""
        done: Counter[str] = Counter()
        while True:
            answer = self.operate(
                "redrive", "a drill", queue=queue, limit=REDRIVEN_AT_ONCE, discard_poison=discards
            )
            done.update(letter["outcome"] for letter in answer["letters"])
            if not answer["more"]:
                return done

    def _peek(self, url: str) -> list[dict[str, Any]]:
        sqs = self._client("sqs")
        found: dict[str, Any] = {}
        while messages := sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=PEEKED_AT_ONCE,
            MessageAttributeNames=["All"],
            VisibilityTimeout=PEEK_SECONDS,
        ).get("Messages"):
            found |= {message["MessageId"]: message for message in messages}
        for message in found.values():
            sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return list(found.values())

    def _order(self, method: str, url: str, body: Any = None) -> Any:
        text = None if body is None else json.dumps(body)
        answer = self._http.request(method, url, data=text, timeout=CONTROL_SECONDS)
        answer.raise_for_status()
        return answer.json()
