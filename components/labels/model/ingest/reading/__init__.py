"""Read Ground Truth's files into columns; every key is counted, every fault noted."""
