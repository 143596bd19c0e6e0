#!/bin/sh
# Build the container images with docker, podman or buildah, whichever is there.
#
#   images/build.sh [REGISTRY [TAG]]
#
# They are called REGISTRY/brume-NAME:TAG; without REGISTRY brume-NAME:TAG, without TAG the project's version.
# ENGINE=... chooses the engine, and IMAGES="pipeline serving" some of the images.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
registry=${1:-}
tag=${2:-}
[ -n "$tag" ] || tag=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/pyproject.toml")

works() {
    case $1 in
        docker | podman) "$1" info >/dev/null 2>&1 ;;
        *) "$1" --version >/dev/null 2>&1 ;;
    esac
}

engine=${ENGINE:-}
if [ -z "$engine" ]; then
    silent=
    for name in docker podman buildah; do
        command -v "$name" >/dev/null 2>&1 || continue
        if works "$name"; then
            engine=$name
            break
        fi
        silent="$silent $name"
    done
    if [ -z "$engine" ]; then
        if [ -n "$silent" ]; then
            echo "images: cannot build:$silent is installed but does not run: is its daemon started?" >&2
        else
            echo "images: cannot build: install docker, podman or buildah" >&2
        fi
        exit 3
    fi
fi

# The engine gets what the Dockerfiles copy, not the environments and data that lie beside it.
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT INT TERM
for item in pyproject.toml README.md LICENSE constraints.txt components pipelines images; do
    cp -R "$root/$item" "$context/"
done
find "$context" -name __pycache__ -type d -prune -exec rm -rf {} +

for name in ${IMAGES:-pipeline training serving engines}; do
    reference=${registry:+${registry%/}/}brume-$name:$tag
    echo "images: building $reference with $engine" >&2
    "$engine" build -t "$reference" -f "$context/images/$name/Dockerfile" "$context"
    built="${built:-} $reference"
done
if [ -n "$registry" ]; then
    echo "images: built; a cluster finds them after:" >&2
    for reference in $built; do echo "    $engine push $reference" >&2; done
fi
