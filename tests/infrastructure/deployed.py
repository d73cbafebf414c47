"""Reads back from the synthesized templates what an environment would deploy."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cdk.config import Environment

Properties = dict[str, Any]

POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")

QUEUES_URL = "https://sqs.ap-southeast-1.amazonaws.com/123456789012"
LONGEST = "x" * 100  # of any other reference: the event bus's name, a key's ARN
SECRET_ARN = "arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:-AbCdEf/microbatch/prod/"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a role, its resources by the names people know them by."""

    effect: str
    actions: frozenset[str]
    resources: frozenset[str]
    conditions: Properties


@dataclass(frozen=True)
class Deployed:
    """The data and the pipeline template of one environment, with references resolved."""

    environment: Environment
    data: Properties
    pipeline: Properties
    manifest: Properties  # what is deployed beside the templates: whether a stack is protected

    def of_type(self, type_: str, template: str = "pipeline") -> dict[str, Properties]:
        """Logical id → properties of every resource of a type."""
        resources: dict[str, Properties] = getattr(self, template)["Resources"]
        return {
            logical_id: resource.get("Properties", {})
            for logical_id, resource in resources.items()
            if resource["Type"] == type_
        }

    def functions(self) -> dict[str, Properties]:
        """Stage name → properties of its function."""
        return {
            self._stage(properties["FunctionName"]): properties
            for properties in self.of_type("AWS::Lambda::Function").values()
            if "FunctionName" in properties  # CDK's own have none
        }

    def aliases(self) -> dict[str, Properties]:
        """Stage name → its alias, the whole resource."""
        return {
            self._stage(self.environment.prefix + self.name(alias["Properties"]["FunctionName"])): (
                alias
            )
            for alias in self.pipeline["Resources"].values()
            if alias["Type"] == "AWS::Lambda::Alias"
        }

    def queues(self) -> dict[str, Properties]:
        """Queue name without the prefix → properties; dead-letter queues included."""
        return {
            properties["QueueName"].removeprefix(self.environment.prefix): properties
            for properties in self.of_type("AWS::SQS::Queue").values()
        }

    def mappings(self) -> dict[str, Properties]:
        """Queue → properties of the event source mapping that reads it."""
        return {
            self.name(properties["EventSourceArn"]): properties
            for properties in self.of_type("AWS::Lambda::EventSourceMapping").values()
        }

    def statements(self, stage: str) -> list[Statement]:
        """Everything the role of a stage's function says."""
        role_id = self.functions()[stage]["Role"]["Fn::GetAtt"][0]
        role = self.of_type("AWS::IAM::Role")[role_id]
        assert "ManagedPolicyArns" not in role
        documents = [policy["PolicyDocument"] for policy in role["Policies"]]
        for kind in POLICIES:
            for policy in self.of_type(kind).values():
                if {"Ref": role_id} in policy.get("Roles", []):
                    documents.append(policy["PolicyDocument"])
        return [
            self._statement(statement)
            for document in documents
            for statement in document["Statement"]
        ]

    def allowed(self, stage: str, action: str) -> set[str]:
        """The names of what a stage's role may do an action on."""
        return {
            resource
            for statement in self.statements(stage)
            if statement.effect == "Allow" and action in statement.actions
            for resource in statement.resources
        }

    def name(self, value: Any, template: str = "pipeline") -> str:
        """The name of what a reference points to; other intrinsics are joined as text."""
        if isinstance(value, str):
            return value
        ((intrinsic, argument),) = value.items()
        if intrinsic == "Fn::ImportValue":
            return self.name(self._export(argument), "data")
        if intrinsic == "Fn::Select":
            return self._selected(argument[0], *argument[1]["Fn::Split"], template)
        if intrinsic == "Fn::Join":
            return "".join(self.name(part, template) for part in argument[1])
        if intrinsic in {"Ref", "Fn::GetAtt"}:
            return self._name_of(argument if intrinsic == "Ref" else argument[0], template)
        raise AssertionError(f"unexpected {intrinsic}")

    def _selected(self, index: int, delimiter: str, whole: Any, template: str) -> str:
        """A part of an alias's ARN, as CDK takes it apart; or "" for what is before a queue."""
        name = self.name(whole, template)
        if delimiter == ":":
            return name.split(":")[index - 6]
        assert (index, delimiter) == (0, f"/{self.environment.prefix}")
        assert name in self.queues()
        return ""

    def _export(self, name: str) -> Any:
        (value,) = (
            output["Value"]
            for output in self.data["Outputs"].values()
            if name == output.get("Export", {}).get("Name")
        )
        return value

    def _name_of(self, logical_id: str, template: str) -> str:
        resource = getattr(self, template)["Resources"].get(logical_id)
        if resource is None:
            return f"{{{logical_id}}}"  # a pseudo parameter
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::Alias":
            return f"{self.name(properties['FunctionName'], template)}:{properties['Name']}"
        if resource["Type"] == "AWS::SecretsManager::SecretTargetAttachment":
            return self.name(properties["SecretId"], template)
        for key in ("QueueName", "FunctionName", "LogGroupName", "TopicName", "Name"):
            if key in properties:
                text = self.name(properties[key], template)
                text = text.removeprefix(self.environment.prefix)
                return text.removeprefix(f"microbatch/{self.environment.name}/")
        return logical_id

    def _statement(self, statement: Properties) -> Statement:
        return Statement(
            effect=statement["Effect"],
            actions=frozenset(_listed(statement["Action"])),
            resources=frozenset(self.name(entry) for entry in _listed(statement["Resource"])),
            conditions=statement.get("Condition", {}),
        )

    def _stage(self, function_name: str) -> str:
        return function_name.removeprefix(self.environment.prefix).replace("-", "_")


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]


def statements_of_all_roles(deployed: Deployed) -> Iterator[Properties]:
    """Of CDK's own roles too."""
    for template in ("data", "pipeline"):
        documents = [
            policy["PolicyDocument"]
            for role in deployed.of_type("AWS::IAM::Role", template).values()
            for policy in role.get("Policies", [])
        ]
        for type_ in POLICIES:
            found = deployed.of_type(type_, template).values()
            documents += [policy["PolicyDocument"] for policy in found]
        for document in documents:
            yield from document["Statement"]


def variables_bytes(deployed: Deployed, stage: str) -> int:
    """The size of a function's variables on AWS, in a region and account of the longest names."""
    variables = deployed.functions()[stage]["Environment"]["Variables"]
    return sum(len(key) + _size(deployed, value) for key, value in variables.items())


def _size(deployed: Deployed, value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    ((intrinsic, argument),) = value.items()
    if intrinsic == "Fn::Join":
        return sum(_size(deployed, part) for part in argument[1])
    kinds = {"Fn::ImportValue": SECRET_ARN, "Fn::Select": QUEUES_URL}
    return len(kinds.get(intrinsic, LONGEST) + deployed.name(value))
