"""A Kubernetes cluster of the tests' own: its parts built from their modules, started here, and stopped."""
