"""The engine of Amazon Transcribe: streaming, batch jobs, vocabularies."""
