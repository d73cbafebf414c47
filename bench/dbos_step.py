"""DBOS making one transition durable, again and again: run as a process of its own by stage_step.

Reads lines [mode, first number, how many] and answers each with the seconds it took.
"""

import json
import logging
import sys
import time

from dbos import DBOS, DBOSConfig, SQLAlchemyDatasource
from sqlalchemy import text

TRANSITION = (
    "UPDATE steps SET state = 'approved', state_since = now() WHERE step_id = :number"
    " AND state = 'requested' RETURNING step_id"
)
url = sys.argv[1]
DBOS(config=DBOSConfig(name="bench", system_database_url=url))
rows = SQLAlchemyDatasource.create(url.replace("postgresql:", "postgresql+psycopg:"))
logging.disable(logging.CRITICAL)


@rows.transaction
def approve(number: int) -> int:
    """The transition and the note that it was made, in one transaction."""
    found: int = rows.sql_session().execute(text(TRANSITION), {"number": number}).scalar_one()
    return found


@DBOS.workflow()
def one_step(number: int) -> int:
    """A workflow of one step: it begins with a message and ends with its answer."""
    return approve(number)


@DBOS.workflow()
def many_steps(first: int, count: int) -> int:
    """A workflow of many steps: what a step costs without a beginning and an end."""
    return sum(approve(number) for number in range(first, first + count))


DBOS.launch()
print("ready", flush=True)
for line in sys.stdin:
    mode, begins_at, steps = json.loads(line)
    began = time.perf_counter()
    if mode == "many":
        many_steps(begins_at, steps)
    else:
        for each in range(begins_at, begins_at + steps):
            one_step(each)
    print(time.perf_counter() - began, flush=True)
DBOS.destroy()
