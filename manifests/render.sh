#!/bin/sh
# Print the objects of an overlay, with kubectl or kustomize, whichever is there. Needs no cluster.
#
#   manifests/render.sh local|aws|gpu
set -eu

overlay=$(cd "$(dirname "$0")" && pwd)/overlays/${1:?which overlay: local, aws or gpu}
[ -d "$overlay" ] || { echo "render: no overlay $1: local, aws or gpu" >&2; exit 2; }
if command -v kubectl >/dev/null 2>&1; then
    exec kubectl kustomize "$overlay"
elif command -v kustomize >/dev/null 2>&1; then
    exec kustomize build "$overlay"
fi
echo "render: install kubectl (Debian: kubernetes-client) or kustomize" >&2
exit 3
