"""The CDK app: two stacks of one environment, divided by how long their contents live.

`cdk deploy -c environment=prod -c host_wallet=0x… --all`. Synthesis looks nothing up: it needs no
credentials, no Docker and no network.
"""

from aws_cdk import App

from cdk import acknowledged, config
from cdk.config import Environment
from cdk.data_stack import DataStack
from cdk.pipeline_stack import PipelineStack


def build(app: App, environment: Environment) -> tuple[DataStack, PipelineStack]:
    """Add the stacks of an environment; for AWS with the checks that stop a synthesis."""
    if environment.has_vpc:
        acknowledged.check(app)
    data = DataStack(app, f"{environment.prefix}data", environment=environment)
    pipeline = PipelineStack(
        app, f"{environment.prefix}pipeline", environment=environment, data=data
    )
    for stack in (data, pipeline):
        acknowledged.lint_quietly(stack)
        acknowledged.explain_cdks_own(stack)
    return data, pipeline


if __name__ == "__main__":
    app = App()
    build(app, config.load(app.node.try_get_context))
    app.synth()
