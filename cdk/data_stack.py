"""The stack of what must outlive a deployment: network, database, secrets."""

from aws_cdk import Stack
from constructs import Construct

from cdk.config import Environment
from cdk.database import Database
from cdk.network import Network
from cdk.secret_store import SecretStore
from cdk.stages import DATABASE_LOGINS, DATABASE_OWNER


class DataStack(Stack):
    """Network and Postgres (not in `local`), and all secrets."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(
            scope,
            id_,
            description=f"microbatch {environment.name}: database, secrets, network",
            termination_protection=environment.protected,
        )
        self.secrets = SecretStore(self, "Secrets", environment=environment)
        self.network: Network | None = None
        if environment.has_vpc:
            self.network = Network(self, "Network", environment=environment)
            database = Database(self, "Database", environment=environment, network=self.network)
            self.secrets.arns |= database.logins
        else:
            for name in (DATABASE_OWNER, *DATABASE_LOGINS.values()):
                self.secrets.add(name, "Postgres: JSON host, port, dbname, username, password")
