"""Athena's SQL: read, checked, and translated into that of DuckDB."""
