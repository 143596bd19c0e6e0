"""The lake in other catalogs and dashboards: AWS Glue, Athena's saved queries, Iceberg, QuickSight."""
