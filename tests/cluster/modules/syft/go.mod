module brume/tests/cluster/syft

go 1.26.0

require github.com/anchore/syft v1.57.1
