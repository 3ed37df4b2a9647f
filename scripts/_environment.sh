# Makes the project's environment .venv from requirements.lock when it is missing or the lock has changed.
# Sourced by the other scripts; leaves the interpreter's path in $PY.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PYTHONUNBUFFERED=1
unset PYTHONDONTWRITEBYTECODE # without .pyc files each process compiles JAX's source anew: 2 seconds each

find_python() {
  for candidate in "${PYTHON:-}" python3 python3.11 python3.12 python3.13 python; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "error: emojax needs Python 3.11 or newer with the venv module; none was found." >&2
  echo "       Install one, or name it: PYTHON=/path/to/python3.12 $0" >&2
  return 2
}

PY="$PWD/.venv/bin/python"
STAMP="$PWD/.venv/.requirements.lock"
if ! cmp -s requirements.lock "$STAMP"; then
  base=$(find_python)
  echo "Making the environment .venv with $("$base" --version) (once; about a minute and 1.4 GB) ..."
  [ -x "$PY" ] || "$base" -m venv .venv
  "$PY" -m pip install --quiet --disable-pip-version-check "uv>=0.9"
  "$PY" -m uv pip install --quiet --python "$PY" --require-hashes -r requirements.lock
  "$PY" -m uv pip install --quiet --python "$PY" --no-deps -e .
  cp requirements.lock "$STAMP"
fi
