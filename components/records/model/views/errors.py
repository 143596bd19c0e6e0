"""What is wrong with a view, or with a resource that it does not fit."""

from __future__ import annotations


class ViewError(ValueError):
    """A ViewDefinition that cannot be used; the message names the place in it and the remedy."""


class ResourceError(ValueError):
    """A resource that a view cannot be applied to. The message has no value of the resource."""
