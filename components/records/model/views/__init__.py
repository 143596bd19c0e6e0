"""Tables of resources by ViewDefinitions of SQL on FHIR 2 (sql-on-fhir.org)."""
