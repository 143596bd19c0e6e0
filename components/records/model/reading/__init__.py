"""FHIR resources from files that may be broken: what can be mended is, the rest is set aside."""
