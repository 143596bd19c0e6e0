"""Reads articles (HTML, Markdown, JSON, feeds): the main text, and all that was left out."""
