"""What the checks of the templates say and we have decided otherwise: each time with its reason.

cdk-nag's AwsSolutions rules run at every synthesis for AWS and stop it, cfn-lint in the tests.
"""

from aws_cdk import Acknowledgment, App, Stack, Validations
from constructs import IConstruct

# CDK writes dependencies that a reference implies as well; they change nothing.
IMPLIED_DEPENDENCY = "W3005"


def check(app: App) -> None:
    """Have a synthesis fail on whatever AwsSolutions finds and nobody has acknowledged."""
    import cdk_nag  # noqa: PLC0415 - heavy, and no business of the local stack's

    Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app, verbose=True))


def acknowledge(scope: IConstruct, rule: str, reason: str) -> None:
    """Say why what an AwsSolutions rule finds here, or below, stays as it is."""
    Validations.of(scope).acknowledge(
        Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    )


def lint_quietly(stack: Stack) -> None:
    """Leave out of cfn-lint's findings, and SAM's, what CDK itself always writes."""
    stack.template_options.metadata = {
        "cfn-lint": {"config": {"ignore_checks": [IMPLIED_DEPENDENCY]}}
    }
