"""What the `brume` command does with a pipeline: find it, check its parameters, run it here, send it away."""
