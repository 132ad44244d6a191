#!/usr/bin/env bash
# Make a virtual environment with exactly the pinned packages, and this checkout installed in it:
#   scripts/environment.sh FOLDER CONSTRAINTS
# Does nothing when the folder is up to date. What it cannot get is named in one line.
set -euo pipefail

folder=$1 constraints=$2
stamp="$folder/.beckon-packages"
own="$folder/.beckon-project"
log="$folder.log"

say() { printf 'beckon: %s\n' "$*" >&2; }

python=
for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
  if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || { say "needs Python 3.11 or newer; install it (apt-get install python3) or set PYTHON"; exit 2; }

install() {
  if ! "$folder/bin/python" -m pip --disable-pip-version-check install --quiet "$@" >"$log" 2>&1; then
    cause=$(grep -m1 -E '^ERROR' "$log" || tail -n1 "$log")
    say "pip could not install: ${cause#ERROR: } (all of it: $log)"
    exit 1
  fi
  rm -f "$log"
}

install_project() {
  project=$({ cat pyproject.toml; pwd; } | sha256sum)
  if [ ! -f "$own" ] || [ "$(cat "$own")" != "$project" ]; then
    install --no-deps --no-build-isolation --no-index --editable .
    printf '%s' "$project" >"$own"
  fi
}

# The interpreter's version counts: another Python cannot use the packages of an older one.
packages=$({ cat "$constraints"; "$python" -VV; pwd; } | sha256sum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$packages" ] && [ -x "$folder/bin/python" ]; then
  install_project
  exit 0
fi

say "setting up $folder from $constraints (once)"
rm -rf "$folder"
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  say "this Python lacks venv and ensurepip; install them (apt-get install python3-venv)"
  exit 2
fi
"$python" -m venv "$folder"

install --require-hashes --no-deps --requirement "$constraints"
printf '%s' "$packages" >"$stamp"
install_project
