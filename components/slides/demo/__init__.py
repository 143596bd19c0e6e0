"""Whole-slide pathology: makes the input of the demo and of the tests."""
