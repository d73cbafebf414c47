"""The network of the zones `ledger` and `vault`: isolated subnets, with no way to the internet."""

from aws_cdk import Aws
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.config import Environment

POSTGRES = ec2.Port.tcp(5432)
HTTPS = ec2.Port.tcp(443)
AVAILABILITY_ZONES = 2

# Each endpoint costs every month in every zone: whatever else is needed goes by queue.
ENDPOINTS = {
    "Sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
    "SecretsManager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
}
SIGNING_ENDPOINT = {"Kms": ec2.InterfaceVpcEndpointAwsService.KMS}


class Network(Construct):
    """A VPC without NAT, its endpoints, and who may open a connection to whom."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=AVAILABILITY_ZONES,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24
                )
            ],
        )
        self.functions = self._security_group("Functions", "functions of ledger and vault")
        self.database = self._security_group("Database", "Postgres, reached by the functions")
        self.endpoints = self._security_group("Endpoints", "AWS services, reached by the functions")
        self.functions.connections.allow_to(self.database, POSTGRES, "to Postgres")
        self.functions.connections.allow_to(self.endpoints, HTTPS, "to AWS services")
        endpoints = ENDPOINTS | (SIGNING_ENDPOINT if environment.wallet_key_in_kms else {})
        for name, service in endpoints.items():
            endpoint = self.vpc.add_interface_endpoint(
                name,
                service=service,
                security_groups=[self.endpoints],
                open=False,  # else the whole VPC could reach it
            )
            endpoint.add_to_policy(_within_the_account())
        self._log_what_is_refused(environment)

    @property
    def subnets(self) -> ec2.SubnetSelection:
        """Where functions and database live."""
        return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)

    def _security_group(self, id_: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, id_, vpc=self.vpc, description=description, allow_all_outbound=False
        )

    def _log_what_is_refused(self, environment: Environment) -> None:
        # Nothing here has a reason to try another address: a line in this log is a question.
        log_group = logs.LogGroup(
            self,
            "RefusedTraffic",
            log_group_name=f"/aws/vpc/{environment.prefix}refused",
            retention=environment.log_retention,
            removal_policy=environment.removal_policy,
        )
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )


def _within_the_account() -> iam.PolicyStatement:
    # Without it an endpoint would carry anybody's credentials to anybody's queue: the one way to
    # the internet that an isolated subnet has. What each function may do is its role's business.
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=["*"],
        resources=["*"],
        conditions={
            "StringEquals": {
                "aws:PrincipalAccount": Aws.ACCOUNT_ID,
                "aws:ResourceAccount": Aws.ACCOUNT_ID,
            }
        },
    )
