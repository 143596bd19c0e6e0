"""The API of Amazon Comprehend Medical: entities of a text, and batch jobs over files."""
