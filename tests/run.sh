#!/usr/bin/env bash
# Runs the tests in the .venv, which it makes on the first start:  bash tests/run.sh [pytest arguments]
cd "$(dirname -- "$0")/.." || exit
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # two tests at once: more threads would get in each other's way
exec bash common/launch.sh --tests -m pytest -n 2 --dist loadfile "$@"
