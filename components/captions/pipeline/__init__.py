"""The stages of the captions pipeline, its parameters, its client of the stream, its report."""
