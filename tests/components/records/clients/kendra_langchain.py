"""Asks LangChain's retriever of Kendra: {index, query, user} in, what it gave out."""

import json
import sys

from langchain_aws.retrievers import AmazonKendraRetriever

given = json.load(sys.stdin)
user = {"UserId": given["user"]}
condition = {"EqualsTo": {"Key": "ward", "Value": {"StringValue": "renal"}}}
# Its newest release has no default for min_score_confidence.
usual = AmazonKendraRetriever(index_id=given["index"], top_k=5, user_context=user, min_score_confidence=0.0)
filtered = AmazonKendraRetriever(
    index_id=given["index"], attribute_filter=condition, min_score_confidence=0.0
)
sure = AmazonKendraRetriever(index_id=given["index"], user_context=user, min_score_confidence=0.25)
found = {
    name: [[one.metadata["document_id"], one.page_content] for one in retriever.invoke(given["query"])]
    for name, retriever in (("usual", usual), ("filtered", filtered), ("sure", sure))
}
print(json.dumps(found))
