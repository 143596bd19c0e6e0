"""The knowledge graph: what notes and resources state about patients, as RDF."""
