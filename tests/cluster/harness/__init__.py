"""A Kubernetes cluster of the tests' own: its parts are built, started and stopped."""
