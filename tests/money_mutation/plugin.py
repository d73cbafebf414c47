"""What every run of the tests shares: the same examples each time, and no search for small ones."""

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutation",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),  # how fast the machine is today says nothing
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("mutation")
