"""Postgres on RDS, with the secret that RDS itself fills in."""

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk.config import Environment
from cdk.network import Network

ENGINE = rds.PostgresEngineVersion.VER_18  # the major of the local stack's Postgres
DATABASE_NAME = "microbatch"
OWNER = "microbatch"


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
        instance = rds.DatabaseInstance(
            self,
            "Postgres",
            engine=rds.DatabaseInstanceEngine.postgres(version=ENGINE),
            instance_type=ec2.InstanceType(environment.database_instance),
            allocated_storage=environment.database_storage_gib,
            max_allocated_storage=environment.database_storage_max_gib,
            storage_type=rds.StorageType.GP3,
            storage_encrypted=True,
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
            deletion_protection=environment.protected,
            removal_policy=environment.removal_policy,
            auto_minor_version_upgrade=True,
            cloudwatch_logs_exports=["postgresql"],
        )
        if instance.secret is None:
            raise RuntimeError("RDS made no secret for its generated credentials")
        self.secret = instance.secret
