"""Amazon Neptune's data API over a graph of one's own: SPARQL, the loader, statistics."""
