"""The API of Amazon Lookout for Vision, and what its console did."""
