#!/usr/bin/env bash
# Builds the site into docs/_build/html and runs the examples of its pages. A warning fails it, and so does whatever a
# page would load from elsewhere. Needs pip install -e '.[docs,test]' in the environment of the first python.
set -euo pipefail
cd "$(dirname "$0")/.."
python -m sphinx -E -W -n --keep-going -q -b html docs docs/_build/html
python -m pytest docs
echo "docs/_build/html/index.html"
