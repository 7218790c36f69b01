"""Your own networks: README.md says how to add one."""
