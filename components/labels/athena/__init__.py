"""Athena's API over the lake: DuckDB runs the queries, each in a process of its own."""
