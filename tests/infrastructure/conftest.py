"""The synthesized templates of every environment, once a session; `prod` also with its wallet's key
in KMS.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk import App, assertions

from cdk import app as cdk_app
from cdk import config
from cdk.layers import LAYERS, PROJECT
from cdk.settings import ALLOWED_PAYEES_MAX, WALLETS_MAX
from tests.infrastructure.deployed import Deployed

# The virtual environment's Node.js, not one the machine happens to have.
NODE = PROJECT / ".venv" / "bin" / "node"
if NODE.exists():
    os.environ.setdefault("JSII_NODE", str(NODE))

HOST_WALLET = "0x52908400098527886E0F7030069857D2E4169EE7"


@pytest.fixture(scope="session")
def layer_stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands in for the built layers, which only a deployment needs."""
    folder = tmp_path_factory.mktemp("layers")
    for name in LAYERS:
        (folder / name / "python").mkdir(parents=True)
        (folder / name / "python" / "stub.py").touch()
    return folder


def _synthesize(
    layers: Path, outdir: Path, changes: Mapping[str, str] | None = None, **context: str
) -> Deployed:
    flags = json.loads((PROJECT / "cdk.json").read_text())["context"]
    app = App(context={**flags, "layers": str(layers), **context}, outdir=str(outdir))
    environment = config.load(app.node.try_get_context)
    settings = replace(environment.parameters, **(changes or {}))
    data, pipeline = cdk_app.build(app, replace(environment, parameters=settings))
    return Deployed(
        environment=pipeline.deployed,
        data=dict(assertions.Template.from_stack(data).to_json()),
        pipeline=dict(assertions.Template.from_stack(pipeline).to_json()),
        manifest=json.loads((outdir / "manifest.json").read_text(encoding="utf-8")),
    )


@pytest.fixture(scope="session")
def prod(layer_stub: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """What `-c environment=prod` would deploy."""
    outdir = tmp_path_factory.mktemp("prod")
    return _synthesize(layer_stub, outdir, environment="prod", host_wallet=HOST_WALLET)


@pytest.fixture(scope="session")
def dev(layer_stub: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """What `-c environment=dev` would deploy."""
    outdir = tmp_path_factory.mktemp("dev")
    return _synthesize(layer_stub, outdir, environment="dev", host_wallet=HOST_WALLET)


@pytest.fixture(scope="session")
def prod_kms(layer_stub: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """What `prod` would be if its wallet's key were in KMS."""
    outdir = tmp_path_factory.mktemp("prod_kms")
    in_kms = {"wallet_key_source": "kms"}
    return _synthesize(layer_stub, outdir, in_kms, environment="prod", host_wallet=HOST_WALLET)


@pytest.fixture(scope="session")
def prod_with_long_lists(layer_stub: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """What `prod` would be with as many wallets and allowed payees as there may be."""
    outdir = tmp_path_factory.mktemp("prod_with_long_lists")
    addresses = [f"0x{number:040x}" for number in range(ALLOWED_PAYEES_MAX)]
    wallets = " ".join(f"{each}@1234567" for each in addresses[:WALLETS_MAX])
    payees = {"payee_allow_list": " ".join(addresses)}
    return _synthesize(layer_stub, outdir, payees, environment="prod", host_wallet=wallets)


@pytest.fixture(scope="session")
def local(layer_stub: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """What `-c environment=local` would deploy, nothing else given."""
    return _synthesize(layer_stub, tmp_path_factory.mktemp("local"), environment="local")


@pytest.fixture(params=["prod", "prod_kms", "dev", "local"])
def deployed(request: pytest.FixtureRequest) -> Deployed:
    """Each environment in turn, for what does not differ between them."""
    found: Deployed = request.getfixturevalue(request.param)
    return found
