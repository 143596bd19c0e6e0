"""FHIR R4's REST of a data store: signed routes, searches in SQL, bundles, what the server states it does."""
