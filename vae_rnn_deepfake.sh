#!/usr/bin/env bash
# Double click, or type: bash vae_rnn_deepfake.sh --name=value ...
file=$(readlink -f -- "$0" 2>/dev/null || printf '%s' "$0") # a link to this file may lie elsewhere
exec bash "$(dirname -- "$file")/common/launch.sh" vae_rnn_deepfake.py "$@"
