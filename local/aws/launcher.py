"""Runs MiniStack with our Lambda workers; settings come by environment.

It reaches into private names of MiniStack 1.5.33, which is why that version is pinned.
"""

from local.aws import authorization, lambda_worker


def main() -> None:
    """Serves until it is ended."""
    lambda_worker.register()
    authorization.register()
    from ministack.app import main as serve  # noqa: PLC0415 (after our changes)

    serve()


if __name__ == "__main__":
    main()
