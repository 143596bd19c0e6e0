"""One module a pipeline, each the story of one system; `cli` is the `brume` command."""
