"""The network of the zones `ledger` and `vault`: isolated subnets, with no way to the internet."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

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

    def __init__(self, scope: Construct, id_: str, *, with_kms: bool) -> None:
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
        endpoints = ENDPOINTS | (SIGNING_ENDPOINT if with_kms else {})
        for name, service in endpoints.items():
            self.vpc.add_interface_endpoint(
                name,
                service=service,
                security_groups=[self.endpoints],
                open=False,  # else the whole VPC could reach it
            )

    @property
    def subnets(self) -> ec2.SubnetSelection:
        """Where functions and database live."""
        return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)

    def _security_group(self, id_: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, id_, vpc=self.vpc, description=description, allow_all_outbound=False
        )
