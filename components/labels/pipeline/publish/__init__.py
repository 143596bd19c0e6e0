"""Publish the lake: AWS Glue, Athena's named queries, Iceberg, QuickSight."""
