"""What of the money must wake somebody: metrics that the functions count, and their alarms.

Each rings at the first count. What it means and what to do is in docs/runbook.md.
"""

from cdk.alarms import Alarms
from cdk.measured import Measured

# Metric → what rings.
MONEY_ALARMS = {
    "batch_parked": "A batch is parked until a person decides",
    "exchange_deposit_differs": "An exchange was paid otherwise than by our one transfer",
    "exchange_in_trouble": "An exchange that we have paid failed, is held, or says what we ignore",
    "exchange_pays_again": "An exchange names another transaction than the one we have booked",
    "fee_ceiling_reached": "A transfer lies unmined and its fees may not rise any more",
    "foreign_transaction": "A transaction of our wallet that we have not made",
    "payments_parked": "Payments are parked: they have failed too often",
    "payout_parked": "A payout is parked until a person decides",
    "pool_full": "A node has no room for our transactions; fewer are sent at once",
    "reconciler_item_failed": "The reconciler met an error of ours for one row",
    "rows_over_age": "Something stands longer than it may, and nobody is helping it",
    "schedule_item_failed": "A schedule could not do its work for one client or payment",
    "signing_waits": "A transfer cannot be signed: no money, a limit, or the node",
    "transfer_parked": "A transfer is parked until a person decides",
    "wallet_frozen": "Nothing more is signed from a wallet until a person has looked",
}


def add_money_alarms(alarms: Alarms) -> None:
    """An alarm for each of the metrics."""
    measured = Measured(alarms.environment)
    for name, says in MONEY_ALARMS.items():
        alarms.above(name, says, measured.ours(name), threshold=0)
