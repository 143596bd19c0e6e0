"""Whole-slide pathology."""
