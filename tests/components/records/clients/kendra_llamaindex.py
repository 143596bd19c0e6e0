"""Asks LlamaIndex's retriever of Kendra: {index, query, user} in, what it gave out."""

import json
import sys

from llama_index.retrievers.kendra import AmazonKendraRetriever

given = json.load(sys.stdin)
retriever = AmazonKendraRetriever(
    given["index"], query_config={"UserContext": {"UserId": given["user"]}}, region_name="eu-west-1"
)
found = [[one.node.metadata["document_id"], one.node.text] for one in retriever.retrieve(given["query"])]
print(json.dumps({"usual": found}))
