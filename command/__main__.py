"""`python -m command` is `microbatch`."""

from command.main import main

if __name__ == "__main__":
    raise SystemExit(main())
