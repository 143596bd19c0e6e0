"""`python -m brume`: the `brume` command."""

from brume.pipelines.cli import main

main()
