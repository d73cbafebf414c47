"""Postgres on RDS, with the logins to it: the owner's and one for each zone."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct

from cdk.acknowledged import acknowledge
from cdk.config import Environment
from cdk.network import Network
from cdk.stages import DATABASE_LOGINS, DATABASE_OWNER

ENGINE = rds.PostgresEngineVersion.VER_18  # the major of the local stack's Postgres
DATABASE_NAME = "microbatch"
OWNER = "microbatch"
# Whose roots the functions have (microbatch/certificates): another would be refused by them.
AUTHORITY = rds.CaCertificate.RDS_CA_RSA2048_G1
LOG = "postgresql"
# Whoever does not speak TLS is refused; passwords are kept as SCRAM verifiers only.
PARAMETERS = {"rds.force_ssl": "1", "password_encryption": "scram-sha-256"}


class Database(Construct):
    """One encrypted, backed-up Postgres instance in the isolated subnets."""

    logins: dict[str, str]  # ARNs of secrets, each JSON: host, port, dbname, username, password

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, network: Network
    ) -> None:
        super().__init__(scope, id_)
        self._environment = environment
        owner = self._login(DATABASE_OWNER, OWNER)
        instance = self._instance(rds.Credentials.from_secret(owner), network)
        if instance.secret is None:
            raise RuntimeError("RDS made no secret for its generated credentials")
        self.logins = {DATABASE_OWNER: instance.secret.secret_arn}
        for zone, name in DATABASE_LOGINS.items():
            # The migrator lets it log in; attached, because RDS then fills in where to.
            secret = self._login(name, f"{OWNER}_{zone}").attach(instance)
            self.logins[name] = secret.secret_arn

    def _instance(self, credentials: rds.Credentials, network: Network) -> rds.DatabaseInstance:
        environment = self._environment
        engine = rds.DatabaseInstanceEngine.postgres(version=ENGINE)
        name = environment.database_name
        instance = rds.DatabaseInstance(
            self,
            "Postgres",
            instance_identifier=name,
            engine=engine,
            parameter_group=rds.ParameterGroup(
                self, "Parameters", engine=engine, parameters=PARAMETERS
            ),
            instance_type=ec2.InstanceType(environment.database_instance),
            allocated_storage=environment.database_storage_gib,
            max_allocated_storage=environment.database_storage_max_gib,
            storage_type=rds.StorageType.GP3,
            storage_encrypted=True,
            storage_encryption_key=self._storage_key(),
            database_name=DATABASE_NAME,
            credentials=credentials,
            ca_certificate=AUTHORITY,
            vpc=network.vpc,
            vpc_subnets=network.subnets,
            security_groups=[network.database],
            publicly_accessible=False,
            multi_az=environment.database_multi_az,
            backup_retention=Duration.days(environment.database_backup_days),
            delete_automated_backups=not environment.protected,
            copy_tags_to_snapshot=True,
            deletion_protection=True,
            removal_policy=(
                environment.removal_policy if environment.protected else RemovalPolicy.SNAPSHOT
            ),
            auto_minor_version_upgrade=True,
            cloudwatch_logs_exports=[LOG],
        )
        acknowledge(
            instance,
            "RDS11",
            "Two security groups can reach it, from subnets without a route: a port that is harder"
            " to guess guards nothing",
        )
        if not environment.database_multi_az:
            acknowledge(instance, "RDS3", "Nobody's money depends on it: an hour's wait is cheaper")
        instance.node.add_dependency(self._log_group(name))
        return instance

    def _log_group(self, instance: str) -> logs.LogGroup:
        # Made before the instance: else RDS makes it, and nothing in it is ever deleted.
        return logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/rds/instance/{instance}/{LOG}",
            retention=self._environment.log_retention,
            removal_policy=self._environment.removal_policy,
        )

    def _login(self, name: str, username: str) -> rds.DatabaseSecret:
        secret = rds.DatabaseSecret(
            self,
            name.title().replace("_", ""),
            username=username,
            secret_name=f"microbatch/{self._environment.name}/{name}",
        )
        secret.apply_removal_policy(self._environment.removal_policy)
        acknowledge(
            secret,
            "SMG4",
            "Changed with make rotate, and let in by the migrator: AWS's rotation function knows"
            " nothing of roles whose passwords the schema's owner sets",
        )
        return secret

    def _storage_key(self) -> kms.Key | None:
        # A database keeps the key that it was made with, and a snapshot under AWS's own key cannot
        # be given to another account: so this is chosen before there is anything to lose.
        if not self._environment.own_keys:
            return None
        return kms.Key(
            self,
            "StorageKey",
            description=f"Database and backups of microbatch {self._environment.name}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,  # a kept snapshot is worth nothing without it
        )
