#!/usr/bin/env bash
# Print the folder of Prometheus' programs, which the tests of rules and dashboards run: the machine's own, else
# Debian's package, unpacked into the user's cache without root. What it cannot get is named in one line.
set -euo pipefail

say() { printf 'beckon: %s\n' "$*" >&2; }

if command -v promtool >/dev/null && command -v prometheus >/dev/null; then
  dirname "$(command -v promtool)"
  exit 0
fi
folder="${XDG_CACHE_HOME:-$HOME/.cache}/beckon/prometheus"
if [ ! -x "$folder/usr/bin/promtool" ]; then
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    say "prometheus: promtool and prometheus are not on the path; install Prometheus"
    exit 1
  fi
  say "fetching Prometheus with apt into $folder (once)"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  chmod 755 "$work"
  fetch() { (cd "$work" && apt-get download prometheus) >"$work/log" 2>&1; }
  # A fresh system has no package lists yet; only root may fetch them.
  if ! fetch && ! { [ "$(id -u)" = 0 ] && apt-get update >"$work/log" 2>&1 && fetch; }; then
    say "prometheus: apt could not fetch it ($(grep -m1 '^E:' "$work/log" || tail -n1 "$work/log")); install it"
    exit 1
  fi
  mkdir -p "$folder"
  dpkg-deb -x "$work"/prometheus_*.deb "$folder"
fi
printf '%s\n' "$folder/usr/bin"
