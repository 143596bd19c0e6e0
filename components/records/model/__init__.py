"""What records computes, without AWS and without Kubeflow."""
