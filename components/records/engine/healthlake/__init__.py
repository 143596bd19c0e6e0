"""HealthLake: data stores of FHIR resources, jobs that fill and export them, FHIR's REST."""
