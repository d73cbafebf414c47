"""The secrets, one per outside party and per key family; and the wallet's key if it is in KMS.

A vendor's secret is created empty, and a function that finds it empty refuses to start: its value
is put in by the operator (`aws secretsmanager put-secret-value`), never by a template. Alchemy's
alone may stay empty: its webhook is an extra. Signing keys are generated, because nobody outside
needs to know them.
"""

from collections.abc import Mapping

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk.acknowledged import acknowledge
from cdk.config import Environment
from microbatch.messages import QUEUES

WALLET_KEY = "HOST_WALLET_PRIVATE_KEY"
VENDOR_SECRETS = {
    "NOWPAYMENTS_IPN_SECRET": "NOWPayments: the IPN secret that signs its notifications",
    "CHANGENOW_API_KEY": "ChangeNOW: the API key",
    "ETHEREUM_RPC_URL": "Ethereum node: the RPC address, with its key",
    "ALCHEMY_SIGNING_KEY": "Alchemy: its webhooks' signing keys, by white space; may stay empty",
    WALLET_KEY: "Host wallet: 0x and 64 hex digits; readable by hostpay_signer only",
}
PAYMENTS_WEBHOOK = "PAYMENTS_WEBHOOK_SECRET"
SIGNING_KEYS = tuple(sorted({carrier.key for carrier in QUEUES.values()}))
SIGNING_KEY_LENGTH = 64
ROTATION = "SMG4"
GIVEN = "An outside party gave it to us: it is changed there first, then with make secrets"
OUR_OWN = "Changed with make rotate: a schedule could change two within a message's life"
A_WALLET = "The key is the wallet: another one is another address, and its money has to be moved"
HANDED_OUT = "Senders of payments sign with it: a new key goes beside the old until they have it"


class SecretStore(Construct):
    """Every secret but RDS's own, by its canonical name."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        self._environment = environment
        in_kms = environment.wallet_key_in_kms
        self.wallet_key = self._wallet_key() if in_kms else None
        self.wallet_encryption = None if in_kms else self._wallet_encryption()
        self.arns: dict[str, str] = {}
        for name, description in VENDOR_SECRETS.items():
            if name == WALLET_KEY and in_kms:
                continue
            key = self.wallet_encryption if name == WALLET_KEY else None
            self.add(name, description, encryption=key)
        # Base64 of 48 bytes: with whsec_ before it, what we hand to a sender of payments.
        self.add(
            PAYMENTS_WEBHOOK,
            "Standard Webhooks keys of payment senders, newest first, separated by white space",
            generate={"passwordLength": SIGNING_KEY_LENGTH, "excludePunctuation": True},
        )
        for name in SIGNING_KEYS:
            self.add(
                name,
                "Signs messages between our functions; 64 characters",
                generate={"passwordLength": SIGNING_KEY_LENGTH, "excludePunctuation": True},
            )

    def add(
        self,
        name: str,
        description: str,
        *,
        generate: Mapping[str, object] | None = None,
        encryption: kms.Key | None = None,
    ) -> None:
        """Create a secret: empty, or generated."""
        # The L2 construct would generate a value for a secret that must stay empty.
        secret = secretsmanager.CfnSecret(
            self,
            name,
            name=f"microbatch/{self._environment.name}/{name}",
            description=description,
            generate_secret_string=generate,  # type: ignore[arg-type]
            kms_key_id=encryption.key_arn if encryption else None,
        )
        secret.apply_removal_policy(self._environment.removal_policy)
        unscheduled = {
            PAYMENTS_WEBHOOK: HANDED_OUT,
            WALLET_KEY: A_WALLET,
            **dict.fromkeys(SIGNING_KEYS, OUR_OWN),
        }
        acknowledge(secret, ROTATION, unscheduled.get(name, GIVEN))
        self.arns[name] = secret.attr_id  # the ARN, as Ref, but in the local emulator too

    def _wallet_encryption(self) -> kms.Key | None:
        # With the account's shared key whoever may read secrets could read this one. Its own key is
        # a second lock and a second line in the audit trail, for the one secret that moves money.
        if not self._environment.own_keys:
            return None
        return kms.Key(
            self,
            "WalletEncryption",
            description=f"Encrypts {WALLET_KEY} of microbatch {self._environment.name}",
            enable_key_rotation=True,
            removal_policy=self._environment.removal_policy,
        )

    def _wallet_key(self) -> kms.Key:
        key = kms.Key(
            self,
            "WalletKey",
            alias=self._environment.wallet_role_name,  # for the operator who asks for its address
            description=f"Host wallet of microbatch {self._environment.name}; losing it loses all",
            key_spec=kms.KeySpec.ECC_SECG_P256K1,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            removal_policy=self._environment.removal_policy,
        )
        # The account's policies decide who may use a key, and an administrator's allow everything.
        # Nobody's allow this: an exception would have to be written into the key itself.
        key.add_to_resource_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["kms:Sign"],
                resources=["*"],
                conditions={"ArnNotEquals": {"aws:PrincipalArn": self._signer_role_arn()}},
            )
        )
        return key

    def _signer_role_arn(self) -> str:
        # By name, because the role belongs to the stack that comes after this one.
        return Stack.of(self).format_arn(
            service="iam",
            region="",
            resource="role",
            resource_name=self._environment.wallet_role_name,
        )
