"""What each operation and route needs of the key that asks for it, by service.

What is not listed changes something, or reads what no scope filters: it is for the role `full` alone. An
operation that reads records is listed as READ once its answer is filtered by `Scopes.of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Need(StrEnum):
    """What a key needs."""

    ANY = "any key"  # no records are shown
    READ = "any key; the answer is filtered by its scope"
    ADMINISTER = "the role full or steward"
    CHANGE = "the role full"


_KENDRA = {
    Need.READ: (
        "BatchGetDocumentStatus",
        "DescribeIndex",
        "GetQuerySuggestions",
        "ListIndices",
        "Query",
        "Retrieve",
        "SubmitFeedback",
    ),
    Need.ADMINISTER: (
        "ClearQuerySuggestions",
        "DeleteIndex",
        "DescribeAccessControlConfiguration",
        "DescribeDataSource",
        "DescribeFaq",
        "DescribeFeaturedResultsSet",
        "DescribePrincipalMapping",
        "DescribeQuerySuggestionsBlockList",
        "DescribeQuerySuggestionsConfig",
        "DescribeThesaurus",
        "ListAccessControlConfigurations",
        "ListDataSourceSyncJobs",
        "ListDataSources",
        "ListFaqs",
        "ListFeaturedResultsSets",
        "ListGroupsOlderThanOrderingId",
        "ListQuerySuggestionsBlockLists",
        "ListTagsForResource",
        "ListThesauri",
        "StartDataSourceSyncJob",
        "StopDataSourceSyncJob",
    ),
}
_NEPTUNE = {
    Need.ANY: (
        "GetEngineStatus",
        "GetPropertygraphStatistics",
        "GetPropertygraphSummary",
    ),
    Need.READ: (
        "GetRDFGraphSummary",
        "GetSparqlStatistics",
        "GetSparqlSummary",  # the raw address of GetRDFGraphSummary
        "Sparql",
        "SparqlGraphStore",  # which asks for itself who may change the graph
        "SparqlStatus",
    ),
    Need.ADMINISTER: (
        "CancelLoaderJob",
        "DeletePropertygraphStatistics",
        "DeleteSparqlStatistics",
        "ExecuteFastReset",
        "GetLoaderJobStatus",
        "ListLoaderJobs",
        "ManagePropertygraphStatistics",
        "ManageSparqlStatistics",
        "StartLoaderJob",
    ),
}
_ENTITY_JOBS = ("EntitiesDetectionV2", "PHIDetection", "ICD10CMInference", "RxNormInference")
_COMPREHEND = {
    Need.ANY: ("DetectEntities", "DetectEntitiesV2", "DetectPHI", "InferICD10CM", "InferRxNorm"),
    Need.ADMINISTER: (
        *(f"Describe{kind}Job" for kind in _ENTITY_JOBS),
        *(f"List{kind}Jobs" for kind in _ENTITY_JOBS),
        *(f"Stop{kind}Job" for kind in _ENTITY_JOBS),
    ),
}
_HEALTHLAKE = {
    Need.ANY: ("DescribeFHIRDatastore", "DescribeFHIRExportJob", "ListFHIRDatastores"),
    Need.READ: (
        "CancelFHIRExportJobWithDelete",
        "DescribeFHIRExportJobWithGet",
        "FhirBundle",  # FHIR's routes ask for themselves who may change what
        "FhirCapabilities",
        "FhirCreate",
        "FhirDelete",
        "FhirEverything",
        "FhirHistory",
        "FhirRead",
        "FhirReadVersion",
        "FhirSearch",
        "FhirUnknown",
        "FhirUpdate",
        "StartFHIRExportJob",  # of the scope's patients
        "StartFHIRExportJobWithPost",
    ),
    Need.ADMINISTER: (
        "DeleteFHIRDatastore",
        "DescribeFHIRImportJob",
        "ListFHIRExportJobs",
        "ListFHIRImportJobs",
        "ListTagsForResource",
        "StartFHIRImportJob",
    ),
}
_CONSOLE = {
    Need.READ: (
        "BeginEmergencyAccess",  # of keys whose rights have it
        "CountCohort",
        "EndEmergencyAccess",
        "ExportCohort",
        "FindConcepts",
        "GetConsole",
        "GetGraph",
        "GetNote",
        "GetTimeline",
        "JudgeEntity",
        "JudgeNote",
        "ListConceptPairs",
        "ListPatients",
        "SearchNotes",
    ),
    Need.ADMINISTER: ("GetDataQuality", "ListAuditEvents", "ListJobs", "VerifyAudit"),
}
_SERVICES: Mapping[str, Mapping[Need, tuple[str, ...]]] = {
    "kendra": _KENDRA,
    "neptunedata": _NEPTUNE,
    "comprehendmedical": _COMPREHEND,
    "healthlake": _HEALTHLAKE,
    "brumerecords": _CONSOLE,
}


def need(service: str, operation: str) -> Need:
    """Return what an operation or a route of a service needs."""
    for found, operations in _SERVICES.get(service, {}).items():
        if operation in operations:
            return found
    return Need.CHANGE


def listed(service: str) -> set[str]:
    """Return the names of operations and routes that are listed for a service."""
    return {name for names in _SERVICES.get(service, {}).values() for name in names}
