#!/usr/bin/env bash
# Runs the tests in the .venv, which it makes on the first start. Those in tests/slow run with --slow, and alone:
#   bash tests/run.sh [--slow] [pytest arguments]
cd "$(dirname -- "$0")/.." || exit
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # two tests at once: more threads would get in each other's way
which=--ignore=tests/slow
if [ "$1" = --slow ]; then
  which=tests/slow
  shift
fi
exec bash common/launch.sh --tests -m pytest -n 2 --dist loadfile "$which" "$@"
