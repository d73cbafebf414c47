"""The money modules: where amounts, fees, shares, limits and verdicts are computed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Module:
    """A file of the package and the tests that say its rules.

    `functions` names those that compute, when not all do.
    """

    path: str
    tests: tuple[str, ...]
    functions: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The test files, from the project's root."""
        return tuple(f"tests/{name}.py" for name in self.tests)

    @property
    def needs_database(self) -> bool:
        """Whether some of them look into Postgres."""
        return any(name.startswith("integration/") for name in self.tests)


MODULES = (
    Module("money.py", ("unit/test_money",)),
    Module("codec.py", ("unit/test_codec", "unit/test_messages")),
    Module("pace.py", ("unit/test_pace", "integration/test_standstill")),
    Module("platform/retry.py", ("unit/test_retry_plan",), ("RetryPolicy", "plan_retry")),
    Module(
        "intake/model.py",
        ("unit/test_intake_model", "unit/test_intake_vouching", "unit/test_documents"),
    ),
    Module("conversion/model.py", ("unit/test_conversion_model", "unit/test_documents")),
    Module(
        "conversion/sharing_store.py",
        ("integration/test_distribution", "integration/test_giving_back"),
    ),
    Module("operations/invariants.py", ("integration/test_invariants",)),
    Module("swap/model.py", ("unit/test_swap_model", "unit/test_documents")),
    Module("payout/model.py", ("unit/test_payout_model", "unit/test_documents")),
    Module(
        "hostpay/model.py",
        (
            "unit/test_hostpay_model",
            "unit/test_transfer_rows",
            "unit/test_token_call",
            "unit/test_documents",
        ),
    ),
    Module("hostpay/fees.py", ("unit/test_hostpay_model", "unit/test_bumps")),
    Module("hostpay/clearance.py", ("unit/test_hostpay_model",)),
)
