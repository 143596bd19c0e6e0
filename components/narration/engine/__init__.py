"""The engine of narration: the API of Amazon Polly."""
