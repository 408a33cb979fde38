#!/usr/bin/env bash
# Runs the quick tests in the .venv, which it makes on the first start, or the slow ones, which take some minutes:
#   bash tests/run.sh [--slow] [pytest arguments]
cd "$(dirname -- "$0")/.." || exit
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # two tests at once: more threads would get in each other's way
which="not slow"
if [ "$1" = --slow ]; then
  which=slow
  shift
fi
exec bash common/launch.sh --tests -m pytest -n 2 --dist worksteal -m "$which" "$@"
