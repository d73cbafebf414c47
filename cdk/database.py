"""Postgres on RDS, with the secret that RDS itself fills in."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk.config import Environment
from cdk.network import Network

ENGINE = rds.PostgresEngineVersion.VER_18  # the major of the local stack's Postgres
DATABASE_NAME = "microbatch"
OWNER = "microbatch"
LOG = "postgresql"
# Whoever does not speak TLS is refused; passwords are kept as SCRAM verifiers only.
PARAMETERS = {"rds.force_ssl": "1", "password_encryption": "scram-sha-256"}


class Database(Construct):
    """One encrypted, backed-up Postgres instance in the isolated subnets."""

    secret: secretsmanager.ISecret  # JSON: host, port, dbname, username, password

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, network: Network
    ) -> None:
        super().__init__(scope, id_)
        credentials = rds.DatabaseSecret(
            self,
            "Secret",
            username=OWNER,
            secret_name=f"microbatch/{environment.name}/DATABASE",
        )
        credentials.apply_removal_policy(environment.removal_policy)
        engine = rds.DatabaseInstanceEngine.postgres(version=ENGINE)
        name = f"{environment.prefix}postgres"
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/rds/instance/{name}/{LOG}",
            retention=environment.log_retention,
            removal_policy=environment.removal_policy,
        )
        instance = rds.DatabaseInstance(
            self,
            "Postgres",
            instance_identifier=name,  # so that the log group is ours before RDS would make it
            engine=engine,
            parameter_group=rds.ParameterGroup(
                self, "Parameters", engine=engine, parameters=PARAMETERS
            ),
            instance_type=ec2.InstanceType(environment.database_instance),
            allocated_storage=environment.database_storage_gib,
            max_allocated_storage=environment.database_storage_max_gib,
            storage_type=rds.StorageType.GP3,
            storage_encrypted=True,
            storage_encryption_key=self._storage_key(environment),
            database_name=DATABASE_NAME,
            credentials=rds.Credentials.from_secret(credentials),
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
        instance.node.add_dependency(log_group)
        if instance.secret is None:
            raise RuntimeError("RDS made no secret for its generated credentials")
        self.secret = instance.secret

    def _storage_key(self, environment: Environment) -> kms.Key | None:
        # A database keeps the key that it was made with, and a snapshot under AWS's own key cannot
        # be given to another account: so this is chosen before there is anything to lose.
        if not environment.own_keys:
            return None
        return kms.Key(
            self,
            "StorageKey",
            description=f"Encrypts the database of microbatch {environment.name}, backups too",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,  # a kept snapshot is worth nothing without it
        )
