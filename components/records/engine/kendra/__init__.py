"""The API of Amazon Kendra: indexes, data sources, documents, queries."""
