"""Reading Ground Truth's files: bytes to columns, with every key counted and every fault noted."""
