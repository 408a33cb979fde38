#!/usr/bin/env bash
# Runs the tests in the .venv, which it makes on the first start:  bash tests/run.sh [pytest arguments]
cd "$(dirname -- "$0")/.." || exit
exec bash common/launch.sh --tests -m pytest "$@"
