#!/bin/sh
# Print the objects of an overlay, or of a kustomization of your own, with kubectl or kustomize, whichever is there.
# Needs no cluster.
#
#   manifests/render.sh local|aws|gpu|FOLDER
set -eu

which=${1:?which overlay: local, aws or gpu, or the folder of a kustomization of your own}
folder=$(cd "$(dirname "$0")" && pwd)/overlays/$which
[ -d "$folder" ] || folder=$which
[ -d "$folder" ] || { echo "render: no overlay $which: local, aws or gpu, or a folder" >&2; exit 2; }
if command -v kubectl >/dev/null 2>&1; then
    exec kubectl kustomize "$folder"
elif command -v kustomize >/dev/null 2>&1; then
    exec kustomize build "$folder"
fi
echo "render: install kubectl (Debian: kubernetes-client) or kustomize" >&2
exit 3
