"""FHIR R4's REST without a server: search parameters and keys, compartments, bundles, checks."""
