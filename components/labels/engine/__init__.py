"""The API of Amazon Athena over the labelling lake."""
