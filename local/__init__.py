"""The stack on one machine, and the simulators of outside parties."""
