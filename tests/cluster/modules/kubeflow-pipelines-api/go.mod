module brume/tests/cluster/kubeflow-pipelines-api

go 1.26.0

// 2.0.5
require github.com/kubeflow/pipelines v0.0.0-20231208180049-c5658f09ec38

// As in its own go.mod.
replace (
	k8s.io/kubernetes => k8s.io/kubernetes v1.11.1
	sigs.k8s.io/controller-tools => sigs.k8s.io/controller-tools v0.2.9
)
