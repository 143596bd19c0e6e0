#!/bin/sh
# Build the container images with docker, podman or buildah, whichever is there, and list what is in them.
#
#   images/build.sh [REGISTRY [TAG]]
#
# They are called REGISTRY/brume-NAME:TAG; without REGISTRY brume-NAME:TAG, without TAG the project's version.
# In the environment:
#   ENGINE   docker, podman or buildah
#   IMAGES   some of the images: "pipeline serving"
#   BASE     the image that they are built on, pinned: python:3.11-slim-bookworm@sha256:...
#   SBOM     folder of the lists of contents (SPDX), out/images by default; SBOM=no makes none
#   OPTIONS  more words for the engine's build command, none of them with a space
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
registry=${1:-}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/pyproject.toml")
tag=${2:-}
tag=${tag:-$version}

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
lists=${SBOM:-$root/out/images}
if [ "$lists" != no ] && ! command -v syft >/dev/null 2>&1; then
    echo "images: no lists of contents (SBOM): install syft, or say SBOM=no" >&2
    lists=no
fi

# The engine gets what the Dockerfile copies, not the environments and data that lie beside it.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
context=$scratch/context
mkdir "$context"
for item in pyproject.toml setup.py README.md LICENSE constraints.txt components pipelines images; do
    cp -R "$root/$item" "$context/"
done
find "$context" -name __pycache__ -type d -prune -exec rm -rf {} +

set -- -f "$context/images/Dockerfile" --label "org.opencontainers.image.version=$version"
if revision=$(git -C "$root" describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null); then
    set -- "$@" --label "org.opencontainers.image.revision=$revision"
fi
[ -z "${BASE:-}" ] || set -- "$@" --build-arg "BASE=$BASE" --label "org.opencontainers.image.base.name=$BASE"
case $engine in
    # The format with health checks, and layers that the next build finds.
    podman | buildah) set -- --format docker --layers "$@" ;;
esac

# What syft reads, whatever the engine.
save() {
    case $engine in
        buildah) buildah push -q "$1" "docker-archive:$2:$1" >/dev/null ;;
        *) "$engine" save -o "$2" "$1" ;;
    esac
}

for name in ${IMAGES:-pipeline training serving engines}; do
    reference=${registry:+${registry%/}/}brume-$name:$tag
    echo "images: building $reference with $engine" >&2
    # shellcheck disable=SC2086 # OPTIONS are words
    "$engine" build -t "$reference" --target "$name" "$@" ${OPTIONS:-} "$context"
    built="${built:-} $reference"
    if [ "$lists" != no ]; then
        mkdir -p "$lists"
        list=$lists/brume-$name-$tag.spdx.json
        save "$reference" "$scratch/image.tar"
        syft scan -q "docker-archive:$scratch/image.tar" --source-name "$reference" --source-version "$tag" \
            -o "spdx-json=$list"
        rm "$scratch/image.tar"
        echo "images: what is in it: $list" >&2
    fi
done
if [ -n "$registry" ]; then
    echo "images: built; a cluster finds them after:" >&2
    for reference in $built; do echo "    $engine push $reference" >&2; done
fi
