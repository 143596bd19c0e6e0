"""A lake: tables of Parquet parts that never change, and commits that name the present ones."""
