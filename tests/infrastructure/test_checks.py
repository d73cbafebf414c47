"""Other people's rules, cdk-nag's and cfn-lint's, find nothing that we have not explained."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnResource, Stack, Validations
from aws_cdk import aws_sqs as sqs

from cdk import acknowledged, config
from cdk import app as cdk_app
from cdk.layers import PROJECT
from local import toolchain
from tests.infrastructure.conftest import HOST_WALLET
from tests.infrastructure.deployed import Deployed

REASON_CHARACTERS_MIN = 40
REGION = "us-east-1"
CFN_LINT = Path(sys.executable).with_name("cfn-lint")


def _app(layers: Path, outdir: Path, environment: str) -> App:
    flags = json.loads((PROJECT / "cdk.json").read_text())["context"]
    context = {"layers": str(layers), "environment": environment, "host_wallet": HOST_WALLET}
    return App(context={**flags, **context}, outdir=str(outdir))


def _acknowledgments(app: App) -> Iterator[tuple[str, Any]]:
    """(path, what was acknowledged there) of the whole app."""
    key = Validations.ACKNOWLEDGED_RULES_METADATA_KEY
    for construct in app.node.find_all():
        for entry in construct.node.metadata:
            if entry.type == key:
                yield construct.node.path, entry.data


@pytest.fixture(scope="module")
def prods_app(layer_stub: Path, tmp_path_factory: pytest.TempPathFactory) -> App:
    """The app of `prod`, with the checks that stop a synthesis; not synthesized yet."""
    app = _app(layer_stub, tmp_path_factory.mktemp("checked"), "prod")
    cdk_app.build(app, config.load(app.node.try_get_context))
    return app


def test_awssolutions_finds_nothing_unexplained(prods_app: App, dev: Deployed) -> None:
    assert dev  # made with the same checks

    prods_app.synth()  # raises with the findings

    found = list(_acknowledgments(prods_app))
    assert len(found) > 60
    reasons = [(path, rule, why) for path, entry in found for rule, why in entry.items()]
    assert len({rule.partition("[")[0] for _, rule, _ in reasons if "AwsSolutions" in rule}) < 9
    assert not [each for each in reasons if len(each[2]) < REASON_CHARACTERS_MIN]


def test_every_wide_right_of_a_role_is_explained_cdks_own_included(
    prods_app: App, prod: Deployed
) -> None:
    """A managed policy, or a resource with a star: no rule looks at the roles that CDK brings."""
    explained = {
        path for path, entry in _acknowledgments(prods_app) if any("IAM" in rule for rule in entry)
    }
    roles = {**prod.of_type("AWS::IAM::Role"), **prod.of_type("AWS::IAM::Role", "data")}
    wide = {
        construct.node.path
        for construct in prods_app.node.find_all()
        if isinstance(construct, CfnResource)
        and _is_wide(roles.get(Stack.of(construct).get_logical_id(construct), {}))
    }

    assert {
        path.partition("/")[2].partition("/")[0] for path in wide
    } >= acknowledged.CDKS_OWN.keys()
    for path in wide:
        assert any(path.startswith(f"{each}/") for each in explained), path


def _is_wide(role: dict[str, Any]) -> bool:
    starred = [
        statement
        for policy in role.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        if '*"' in json.dumps(statement["Resource"])
    ]
    return bool(role.get("ManagedPolicyArns") or starred)


def test_the_rules_are_at_work(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    acknowledged.check(app)
    queue = sqs.Queue(Stack(app, "Careless"), "Queue")
    acknowledged.acknowledge(queue, "SQS3", "it is a dead-letter queue of nobody's, for this test")

    with pytest.raises(RuntimeError, match="SQS4"):  # neither encrypted on its way nor explained
        app.synth()


def test_cfn_lint_finds_nothing(
    prod: Deployed, prod_kms: Deployed, dev: Deployed, local: Deployed, tmp_path: Path
) -> None:
    templates = {
        "prod-data": prod.data,
        "prod-pipeline": prod.pipeline,
        "prod-kms-data": prod_kms.data,
        "dev-data": dev.data,
        "local-pipeline": local.pipeline,
    }
    for name, template in templates.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(template))

    files = [str(tmp_path / f"{name}.json") for name in templates]
    command = [str(CFN_LINT), "--regions", REGION, "--template", *files]
    found = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("stack", ["data", "pipeline"])
def test_sam_accepts_the_template(prod: Deployed, tmp_path: Path, stack: str) -> None:
    template = tmp_path / "template.json"
    template.write_text(json.dumps(getattr(prod, stack)))

    command = [str(toolchain.sam()), "validate", "--lint", "--template", str(template)]
    environment = toolchain.clean_environment(SAM_CLI_TELEMETRY="0", AWS_DEFAULT_REGION=REGION)
    found = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment
    )

    assert found.returncode == 0, found.stdout + found.stderr
    assert "is a valid SAM Template" in found.stdout


def test_what_cfn_lint_leaves_out_is_one_rule_of_cdks_own(prod: Deployed) -> None:
    for template in (prod.data, prod.pipeline):
        assert template["Metadata"]["cfn-lint"]["config"] == {"ignore_checks": ["W3005"]}
