"""The wire: HTTP, protocols and signatures of AWS services."""
