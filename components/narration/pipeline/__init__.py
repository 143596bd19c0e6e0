"""The pipeline from articles to a site, and the service that does the same for each event."""
