#!/usr/bin/env bash
# Finds a Python 3.10 or newer and hands over to launch.py, which does everything else.

here=$(dirname -- "$0")
new_enough='import sys; sys.exit(sys.version_info < (3, 10))'

for python in \
  python3 python3.13 python3.12 python3.11 python3.10 python \
  /opt/homebrew/bin/python3 /usr/local/bin/python3 \
  {"$HOME","$HOME/opt",/opt,/opt/homebrew,/usr/local}/{anaconda3,miniconda3,miniforge3,mambaforge,conda}/bin/python \
  {/opt/homebrew,/usr/local}/Caskroom/{anaconda,miniconda,miniforge,mambaforge}/base/bin/python; do
  file=$(command -v "$python") || continue
  # macOS's own python3 is too old, and where Apple's tools are missing it opens a window that offers them.
  [ "$file" = /usr/bin/python3 ] && [ "$(uname)" = Darwin ] && continue
  "$file" -c "$new_enough" </dev/null >/dev/null 2>&1 || continue
  exec "$file" -I "$here/launch.py" "$@" # -I: no module in this folder may hide one of Python's own
done

cat >&2 <<'END'
No Python 3.10 or newer was found. Install one of these, then start again:
  Python 3.12   https://www.python.org/downloads/
  Anaconda      https://www.anaconda.com/download
On Debian or Ubuntu:  sudo apt install python3 python3-venv
END
# A window that a double click has opened closes with this program, which then leads the terminal's session.
leader=$(ps -o sid= -p $$ 2>/dev/null)
[ -t 0 ] && [ -n "$DISPLAY$WAYLAND_DISPLAY" ] && [ -z "$CI$SSH_CONNECTION" ] && [ "${leader// /}" = $$ ] &&
  read -r -p "Press Enter to close this window. "
exit 1
