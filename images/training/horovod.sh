#!/bin/sh
# Build the Horovod wheel once for one Python and its TensorFlow, keep it, and install it there.
#
#   images/training/horovod.sh PYTHON [WHEEL_DIR]
#
# PYTHON     the interpreter that has TensorFlow: .venv/bin/python
# WHEEL_DIR  where the wheel is kept, by default
#            ${XDG_CACHE_HOME:-~/.cache}/brume/wheels/<TensorFlow>-<Python tag>-<platform>
#
# Horovod 0.28.1 is the last release and comes as source only; its wheel fits one exact TensorFlow. It needs
# g++, make and OpenMPI's compiler wrapper. Two helps make it build, unpatched, against today's TensorFlow:
# an old setuptools and CMake 3, used for the build alone, and empty headers in place of the XLA files that
# only its GPU branch uses but that it includes everywhere. It works on the CPU.
#
# Exit: 0 installed, 2 wrong call, 3 a tool is missing, 4 the build failed. After 3 and 4 training still
# works: `collective=auto` then takes mpi4py.
set -eu

version=0.28.1
digest=92a43f5a94c43907a56805bad15f19700c62ffc83b7ca483f9e104e229f67ef0

log() { printf 'horovod: %s\n' "$*" >&2; }

[ $# -ge 1 ] && [ $# -le 2 ] || { log "usage: $0 PYTHON [WHEEL_DIR]"; exit 2; }
case $1 in */*) python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") ;; *) python=$1 ;; esac
constraints=$(cd "$(dirname "$0")/../.." && pwd)/constraints.txt
[ -f "$constraints" ] || constraints=/dev/null

key=$("$python" -c '
import sysconfig, sys
from importlib.metadata import distributions
found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
tensorflow = found.get("tensorflow-cpu") or found.get("tensorflow")
if tensorflow:
    print(f"{tensorflow}-cp{sys.version_info[0]}{sys.version_info[1]}-{sysconfig.get_platform()}")
') || { log "$python does not run"; exit 2; }
[ -n "$key" ] || { log "$python has no TensorFlow: install the training extra first"; exit 2; }
wheels=${2:-${XDG_CACHE_HOME:-$HOME/.cache}/brume/wheels/$key}
mkdir -p "$wheels"
wheels=$(cd "$wheels" && pwd)

wheel() { find "$wheels" -name "horovod-$version-*.whl" | head -n 1; }

tools="mpirun:openmpi-bin"
[ -n "$(wheel)" ] || tools="g++:g++ make:make mpicxx:libopenmpi-dev $tools"
missing=
for tool in $tools; do
    command -v "${tool%%:*}" >/dev/null 2>&1 || missing="$missing ${tool#*:}"
done
if [ -n "$missing" ]; then
    log "cannot be built: missing$missing. On Debian or Ubuntu:"
    log "    apt-get install -y --no-install-recommends$missing"
    log "Training goes on without it, averaging gradients with mpi4py."
    exit 3
fi

works() {
    "$python" -c "
from importlib.metadata import version
import horovod.tensorflow as hvd
hvd.init()
assert version('horovod') == '$version'" >/dev/null 2>&1
}

if works; then
    log "Horovod $version is installed in $python"
    exit 0
fi

build() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT INT TERM
    mkdir "$work/out"
    # Ahead of the target's own packages on PYTHONPATH: Horovod's setup.py does not work with a recent
    # setuptools, and gloo, which it carries, not with CMake 4.
    "$python" -m pip install -q --disable-pip-version-check --target "$work/tools" \
        'setuptools>=65,<66' 'wheel<0.46' 'cmake>=3.20,<4' || return 1
    for header in tf2xla/xla_op_kernel.h tf2xla/xla_op_registry.h xla/shape.h xla/xla_data.pb.h \
        xla/client/xla_builder.h xla/service/custom_call_target_registry.h xla/service/hlo.pb.h; do
        mkdir -p "$(dirname "$work/include/tensorflow/compiler/$header")"
        : >"$work/include/tensorflow/compiler/$header"
    done
    printf 'horovod==%s --hash=sha256:%s\n' "$version" "$digest" >"$work/requirements.txt"
    jobs=$(nproc 2>/dev/null || echo 2)
    [ "$jobs" -le 8 ] || jobs=8  # a compiler process takes up to 1.5 GB
    PYTHONPATH="$work/tools" PATH="$work/tools/bin:$(dirname "$python"):$PATH" \
        CXXFLAGS="-I$work/include" MAKEFLAGS="-j$jobs" HOROVOD_CMAKE="$work/tools/bin/cmake" \
        HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITH_MPI=1 \
        HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1 \
        "$python" -m pip wheel -v --disable-pip-version-check --no-build-isolation --no-deps --no-cache-dir \
        -w "$work/out" -r "$work/requirements.txt" >"$wheels/build.log" 2>&1 || return 1
    for built in "$work"/out/horovod-*.whl; do
        cp "$built" "$wheels/.partial" && mv "$wheels/.partial" "$wheels/$(basename "$built")" || return 1
    done
}

exec 9>"$wheels/.lock"
flock 9  # `make run` and `make test` started together build it once
if [ -z "$(wheel)" ]; then
    log "building Horovod $version for TensorFlow ${key%%-*} (once, about 3 minutes on two cores)"
    if ! (build); then
        log "the build failed; the end of $wheels/build.log:"
        [ ! -f "$wheels/build.log" ] || tail -n 20 "$wheels/build.log" >&2
        log "Training goes on without it, averaging gradients with mpi4py."
        exit 4
    fi
fi
flock -u 9

"$python" -m pip install -q --disable-pip-version-check -c "$constraints" cloudpickle psutil pyyaml packaging cffi
"$python" -m pip install -q --disable-pip-version-check --no-deps --force-reinstall "$(wheel)"
if ! works; then
    log "the wheel in $wheels does not load in $python: remove that folder and run this again"
    exit 4
fi
log "Horovod $version is installed ($(wheel))"
