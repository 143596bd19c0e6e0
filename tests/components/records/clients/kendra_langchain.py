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
desk = {"EqualsTo": {"Key": "ward", "Value": {"StringValue": "desk"}}}
answered = AmazonKendraRetriever(index_id=given["index"], attribute_filter=desk, min_score_confidence=0.0)
long = f"{given['query']} {'please ' * 200}"  # of which the retriever sends 999 characters
found = {
    name: [[one.metadata["document_id"], one.page_content] for one in retriever.invoke(text)]
    for name, retriever, text in (
        ("usual", usual, given["query"]),
        ("filtered", filtered, given["query"]),
        ("sure", sure, given["query"]),
        ("long", usual, long),
        ("answered", answered, "when are visitors let in"),
    )
}
print(json.dumps(found))
