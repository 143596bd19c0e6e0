"""The audio CMS: a service that a CMS notifies of articles, and that publishes their audio."""
