"""What the checks of the templates say and we have decided otherwise: each time with its reason.

cdk-nag's AwsSolutions rules run at every synthesis for AWS and stop it, cfn-lint in the tests.
"""

from aws_cdk import Acknowledgment, App, Stack, Validations
from constructs import IConstruct

# CDK writes dependencies that a reference implies as well; they change nothing.
IMPLIED_DEPENDENCY = "W3005"

LOGS_ANYWHERE = (
    "AWSLambdaBasicExecutionRole lets it write to any log group: CDK leaves its function's name,"
    " and with it the group, to CloudFormation. It runs during a deployment alone: nobody calls it"
)
# What CDK brings along to do what CloudFormation cannot: child of a stack → why its role may stay.
# No rule of AwsSolutions looks at these roles, so a test does (tests/infrastructure).
CDKS_OWN = {
    "Custom::VpcRestrictDefaultSGCustomResourceProvider": f"Empties the VPC's default security"
    f" group, which is all it may change. {LOGS_ANYWHERE}",
    "AWSCDK.TriggerCustomResourceProviderCustomResourceProvider": f"Invokes the migrator, in"
    f" whichever version is new: hence the star after its name. {LOGS_ANYWHERE}",
}


def check(app: App) -> None:
    """Have a synthesis fail on whatever AwsSolutions finds and nobody has acknowledged."""
    import cdk_nag  # noqa: PLC0415 - heavy, and no business of the local stack's

    Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app, verbose=True))


def acknowledge(scope: IConstruct, rule: str, reason: str) -> None:
    """Say why what an AwsSolutions rule finds here, or below, stays as it is."""
    Validations.of(scope).acknowledge(
        Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    )


def explain_cdks_own(stack: Stack) -> None:
    """Say why the roles of what CDK brings along are as wide as they are."""
    for name, reason in CDKS_OWN.items():
        brought = stack.node.try_find_child(name)
        if brought is not None:
            acknowledge(brought, "IAM4", reason)
            acknowledge(brought, "IAM5", reason)


def lint_quietly(stack: Stack) -> None:
    """Leave out of cfn-lint's findings, and SAM's, what CDK itself always writes."""
    stack.template_options.metadata = {
        "cfn-lint": {"config": {"ignore_checks": [IMPLIED_DEPENDENCY]}}
    }
