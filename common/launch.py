"""Runs a script in a Python environment that has what requirements.txt names.

    launch.py SCRIPT ARGUMENTS ...     run vae_rnn.py or vae_rnn_deepfake.py: what the launchers do
    launch.py --tests ARGUMENTS ...    run `python ARGUMENTS ...` in the .venv, with tests/requirements.txt in it too

`--from-cmd-c` before SCRIPT is launch.bat's word that Windows was told to run a batch file and end: a double click, or
another shell. A window that a double click has opened stays open at the end until the user presses Enter.

A script runs in the conda environment "premiere" if that has everything, else in the folder .venv beside the
scripts, which is made and filled on the first start. Nothing but Python's own modules is needed here. All
messages go to stderr, so that stdout is the script's.
"""

import contextlib
import hashlib
import json
import locale
import operator
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONDA_ENVIRONMENT = "premiere"
OLDEST_PYTHON = "3.10"
NEWEST_PYTHON = "3.13"  # the newest that the tests have seen; a newer one is tried all the same
TORCH_IN_CONDA = ">=2.2"  # enough in the conda environment, whatever requirements.txt pins
SIZES = {"linux": "3 GB to download, 7 GB on disk"}.get(sys.platform, "0.2 GB to download, 1 GB on disk")

WINDOWS = os.name == "nt"
PROJECT = Path(__file__).absolute().parent.parent
VENV = PROJECT / ".venv"
VENV_PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
REQUIREMENTS = PROJECT / "requirements.txt"
TEST_REQUIREMENTS = PROJECT / "tests" / "requirements.txt"

# Runs in any Python 3: its version, its base installation and the versions of the packages given.
INSPECTION = """
import json, sys
versions = {"python": "%d.%d" % sys.version_info[:2], "base": sys.base_prefix}
for name in sys.argv[1:]:
    try:
        from importlib import metadata
        versions[name] = metadata.version(name)
    except Exception:
        versions[name] = None
print(json.dumps(versions))
"""
COMPARISONS = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
FROM_CMD_C = "--from-cmd-c"
PROGRAMS_OF_A_DOUBLE_CLICK = re.compile(r"cmd|py(thon)?[\d.]*w?")  # in the window of a double click on Windows
ENDED_FROM_OUTSIDE = (129, 143)  # exit codes: the window was closed, or the system ends the program: nobody reads


class SetupError(Exception):
    """No environment to run in; the message says what to do."""


def main():
    arguments = sys.argv[1:]
    from_cmd_c = arguments[:1] == [FROM_CMD_C]
    try:
        code = start(arguments[from_cmd_c:])
    except (SetupError, OSError) as error:
        say(f"\n{error}")
        code = 1
    except KeyboardInterrupt:
        say("\nStopped. The next start goes on from here.")
        code = 130
    if code not in ENDED_FROM_OUTSIDE and opened_by_double_click(from_cmd_c):
        keep_window_open()
    sys.exit(code)


def start(arguments):
    """Find or make the environment, run the script in it, return its exit code."""
    if not arguments:
        raise SetupError(__doc__)
    if arguments[0] == "--tests":
        fill_venv(REQUIREMENTS, TEST_REQUIREMENTS)
        return run(VENV_PYTHON, *arguments[1:])
    python = find_conda_python()
    if python is None:
        fill_venv(REQUIREMENTS)
        python = VENV_PYTHON
    say(f"Python: {python}")
    return run(python, PROJECT / arguments[0], *arguments[1:])


def say(message):
    print(message, file=sys.stderr, flush=True)


def opened_by_double_click(from_cmd_c):
    """Whether a double click has opened the window for this program alone, so that it closes with the program.

    Linux: a terminal has started the launcher in place of a shell, so that it leads the session, on a desktop. Windows:
    no shell but the cmd of the batch file is in the window. A window of macOS's Terminal stays open by itself.
    """
    unattended = os.environ.get("CI") or os.environ.get("SSH_CONNECTION")
    if unattended or sys.stdin is None or not sys.stdin.isatty():
        return False
    if WINDOWS:
        programs = programs_in_window()
        no_shell = programs.count("cmd") == 1 and all(PROGRAMS_OF_A_DOUBLE_CLICK.fullmatch(name) for name in programs)
        return from_cmd_c and no_shell
    has_desktop = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return has_desktop and os.getsid(0) == os.getpid()


def programs_in_window():
    """The names of the programs that share this console window of Windows, as ["cmd", "python"]."""
    import ctypes

    kernel, most, query_limited_information = ctypes.windll.kernel32, 64, 0x1000
    processes, names = (ctypes.c_uint32 * most)(), []
    count = kernel.GetConsoleProcessList(processes, most)
    for process in processes[: min(count, most)]:
        path, length = ctypes.create_unicode_buffer(1024), ctypes.c_uint32(1024)
        handle = kernel.OpenProcess(query_limited_information, False, process)
        kernel.QueryFullProcessImageNameW(handle, 0, path, ctypes.byref(length))
        kernel.CloseHandle(handle)
        names.append(Path(path.value).stem.lower())
    return names


def keep_window_open():
    """Let the user read what the program has said last."""
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        say("\nPress Enter to close this window.")
        input()


def run(python, *arguments):
    """Run a Python to its end and return its exit code. Ctrl-C reaches it without us, and the answer is its own."""
    signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which the child would inherit
    child = subprocess.Popen([python, *arguments], env=variables(python))
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    code = child.wait()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return code if code >= 0 else 128 - code  # ended by a signal: what a shell makes of it


def inspect(python, names=()):
    """What INSPECTION finds in a Python, None if that does not start."""
    try:
        command = [python, "-c", INSPECTION, *names]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        return json.loads(result.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def variables(python):
    """The environment variables for a Python. On Windows one from conda finds its libraries through the PATH only."""
    base = (inspect(python) or {}).get("base") if WINDOWS else None
    if base is None or not Path(base, "conda-meta").is_dir():
        return None
    folders = ["", "Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts"]
    path = [*(str(Path(base, folder)) for folder in folders), os.environ.get("PATH", "")]
    return {**os.environ, "PATH": os.pathsep.join(path)}


def read_requirements(file):
    """{package: limits} of a requirements file, as {"numpy": ">=1.26,<3"}."""
    lines = [line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    return dict(re.match(r"([\w-]+)\s*(.*)", line).groups() for line in lines if line)


def satisfies(version, limits):
    """Whether a version such as "2.13.0+cpu" is within limits such as ">=1.26,<3"."""
    pairs = re.findall(r"([<>=!]+)\s*([\d.]+)", limits)
    return all(COMPARISONS[sign](numbers(version), numbers(limit)) for sign, limit in pairs)


def numbers(version):
    """[2, 13, 0, 0] of "2.13.0+cpu"; padded, so that 2.2 is 2.2.0."""
    parts = [int(number) for number in re.findall(r"\d+", re.match(r"[\d.]*", version)[0])]
    return parts + [0] * (4 - len(parts))


def find_conda_python():
    """The Python of the first environment named "premiere" that has everything; None, with a line why, otherwise."""
    needed = {**read_requirements(REQUIREMENTS), "torch": TORCH_IN_CONDA}
    complaints = []
    for prefix in conda_prefixes():
        python = prefix / ("python.exe" if WINDOWS else "bin/python")
        if not os.access(python, os.X_OK):
            continue
        complaint = what_is_lacking(python, needed)
        if complaint is None:
            return python
        complaints.append(f'The conda environment "{CONDA_ENVIRONMENT}" is not used: {complaint}')
    if complaints:
        say(complaints[0])
    return None


def what_is_lacking(python, needed):
    """One line: what an environment lacks and how to add it; None if it lacks nothing."""
    versions = inspect(python, needed)
    if versions is None:
        return f"{python} does not start."
    if not satisfies(versions["python"], f">={OLDEST_PYTHON}"):
        create = f"conda create -n {CONDA_ENVIRONMENT} python={NEWEST_PYTHON}"
        return f"it has Python {versions['python']}, {OLDEST_PYTHON} or newer is needed. To replace it: {create}"
    lacking = [name for name, limits in needed.items() if not satisfies(versions[name] or "0", limits)]
    if not lacking:
        return None
    words = ", ".join(f"{name} {versions[name]}" if versions[name] else f"no {name}" for name in lacking)
    packages = " ".join(f'"{name}{needed[name]}"' for name in lacking)
    return f'it has {words}. To add what is needed: "{python}" -m pip install {packages}'


def conda_prefixes():
    """Folders that may be the environment, most telling first: the active one, conda's own list, the usual places."""
    home = Path("~").expanduser()
    active = [os.environ.get("CONDA_PREFIX"), sys.prefix]
    stores = [Path(root, "envs") for root in conda_roots(home)]
    stores += [home / ".conda" / "envs", *os.environ.get("CONDA_ENVS_PATH", "").split(os.pathsep)]
    listed = [*active, *read_lines(home / ".conda" / "environments.txt")]
    prefixes = [Path(folder) for folder in listed if folder]
    prefixes += [Path(store, CONDA_ENVIRONMENT) for store in stores if store]
    return dict.fromkeys(prefix for prefix in prefixes if prefix.name.lower() == CONDA_ENVIRONMENT)


def conda_roots(home):
    """Folders where conda itself may be."""
    roots = [os.environ.get("CONDA_PREFIX"), os.environ.get("MAMBA_ROOT_PREFIX"), sys.base_prefix]
    if os.environ.get("CONDA_EXE"):
        roots.append(Path(os.environ["CONDA_EXE"]).parent.parent)
    if WINDOWS:
        local = os.environ.get("LOCALAPPDATA", home)
        parents = [home, local, Path(local, "Continuum"), os.environ.get("PROGRAMDATA", "C:/ProgramData"), "C:/"]
    else:
        parents = [home, home / "opt", "/opt", "/opt/homebrew", "/usr/local"]
    names = ["anaconda3", "miniconda3", "miniforge3", "mambaforge", "micromamba", "conda"]
    places = [Path(parent, name) for parent in parents for name in names]
    casks = [path for brew in ("/opt/homebrew", "/usr/local") for path in Path(brew, "Caskroom").glob("*/base")]
    return [root for root in [*roots, *places, *casks] if root]


def read_lines(file):
    """The lines of a file, none if there is no such file. Conda's list may be in the system's own encoding."""
    try:
        data = file.read_bytes()
    except OSError:
        return []
    try:
        return data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return data.decode(locale.getpreferredencoding(False), errors="replace").splitlines()


def fill_venv(*files):
    """Make .venv if it is missing or broken, and install what the files name unless that was done before."""
    if not any(is_stale(file) for file in files):
        return
    with one_at_a_time():
        stale = [file for file in files if is_stale(file)]
        if stale and not has_pip():
            make_venv()
            stale = files
        for file in stale:
            install(file)


def stamp(file):
    """The file in .venv that is written when everything in a requirements file has been installed."""
    return VENV / f"{'-'.join(file.relative_to(PROJECT).parts)}.installed"


def fingerprint(file):
    """What a stamp holds: changes with the requirements file, and with the Python below .venv."""
    python = (inspect(VENV_PYTHON) or {}).get("python")
    return f"Python {python}, {file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}"


def is_stale(file):
    return not VENV_PYTHON.exists() or read_lines(stamp(file)) != [fingerprint(file)]


def has_pip():
    """Whether .venv is whole enough to be filled."""
    versions = inspect(VENV_PYTHON)
    if versions is None or not satisfies(versions["python"], f">={OLDEST_PYTHON}"):
        return False
    return subprocess.run([VENV_PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0


def make_venv():
    say("Making a Python environment of our own")
    base = getattr(sys, "_base_executable", sys.executable)  # never a Python that lies in the folder to be cleared
    result = subprocess.run(
        [base, "-m", "venv", "--clear", VENV],
        env=variables(base),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if result.returncode != 0:
        raise SetupError(
            f"The environment could not be made with {base}. Python says:\n\n{result.stdout.strip()}\n\n"
            f"What may help, then start again:\n"
            f"  on Debian or Ubuntu:  sudo apt install python3-venv\n"
            f"  room on the disk, and the right to write in {PROJECT} ({free_space(PROJECT)})\n"
            f"  another Python, {OLDEST_PYTHON} to {NEWEST_PYTHON}: https://www.python.org/downloads/"
        )


def install(file):
    """Let pip install what a requirements file names; the stamp comes last, so that a broken install is repeated."""
    stamp(file).unlink(missing_ok=True)
    size = f"some minutes, about {SIZES}" if file == REQUIREMENTS else "less than a minute"
    say(f"Installing {', '.join(read_requirements(file))} into {VENV}, this once: {size}.")
    say("The last step, installing collected packages, may stand still for a minute or two.\n")
    begin = time.monotonic()
    quiet = [] if sys.stderr.isatty() else ["--quiet"]  # progress bars are for people
    command = [VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *quiet, "-r", file]
    if subprocess.call(command, stdout=sys.stderr, env=variables(VENV_PYTHON)) != 0:
        raise SetupError(explain_failed_install())
    stamp(file).write_text(fingerprint(file), encoding="utf-8")
    say(f"\nInstalled in {time.monotonic() - begin:.0f} s.\n")


def explain_failed_install():
    python = (inspect(VENV_PYTHON) or {}).get("python", OLDEST_PYTHON)
    reasons = [
        "no internet, or a firewall or proxy in the way",
        f"a full disk: {free_space(PROJECT)}, {free_space(Path(tempfile.gettempdir()))}",
    ]
    if not satisfies(python, f"<={NEWEST_PYTHON}"):
        other = f"py -{NEWEST_PYTHON}" if WINDOWS else f"python{NEWEST_PYTHON}"
        reasons.append(
            f"Python {python} may be too new: install {NEWEST_PYTHON} too and type\n"
            f'    {other} -m venv --clear "{VENV}"'
        )
    if sys.platform == "darwin":
        reasons.append(
            "PyTorch's packages are for Apple's own chips and macOS 14 or newer. On an older Mac make the environment\n"
            f"    with conda:  conda create -n {CONDA_ENVIRONMENT} -c conda-forge python=3.12 pytorch "
            f"{' '.join(name for name in read_requirements(REQUIREMENTS) if name != 'torch')}"
        )
    if WINDOWS:
        reasons.append(rf"a path that is too long for Windows: move the folder, to C:\{PROJECT.name} for example")
    lines = "".join(f"  - {reason}\n" for reason in reasons)
    return (
        f"The installation is not complete; the lines above say why. Common reasons:\n{lines}"
        f"Then start again: it goes on from here. If that does not help, delete the folder {VENV} before."
    )


def free_space(folder):
    return f"{shutil.disk_usage(folder).free / 1e9:.1f} GB are free in {folder}"


@contextlib.contextmanager
def one_at_a_time():
    """Let a second window wait while one installs. The system frees the lock, however that one ends."""
    with Path(__file__).open("rb") as file:
        if not lock(file):
            say("Another window is installing what the scripts need; waiting for it.")
            while not lock(file):
                time.sleep(1)
        yield


def lock(file):
    """Try to lock a file: False if another process has it."""
    try:
        if WINDOWS:
            import msvcrt

            os.lseek(file.fileno(), 1 << 30, os.SEEK_SET)  # far behind its end: others can still read the file
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True  # a network drive that knows no locks: go on without
    return True


if __name__ == "__main__":
    main()
