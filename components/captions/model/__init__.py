"""What captions computes: speech to words with times, words that stay, cues; without AWS and Kubeflow."""
