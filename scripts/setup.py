"""Set up an isolated environment in .venv, then run the main job or the tests. Needs only Python 3.11.

python3 -m scripts.setup run      # .venv, packages, `spacy project run all` (further arguments go to it)
python3 -m scripts.setup test     # .venv, packages, the tests
"""

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = Path("requirements/lock.txt")
OLDEST = (3, 11)
IN_FILES = ("--dist", "loadfile", "--no-loadscope-reorder")
"""Files of tests go to processes in their order: those with few tests, which take longest, not at the end."""
JOBS = {
    "run": (Path("requirements.txt"), ("spacy", "project", "run", "all", ".")),
    "test": (Path("requirements/test.txt"), ("pytest", "-n", "auto", *IN_FILES)),
}


def main() -> int:
    """Set up what a job needs, then run it; return its exit code."""
    arguments, further = parse(sys.argv[1:])
    version = sys.version_info[:2]
    if version < OLDEST:
        print(f"Error: this is Python {version[0]}.{version[1]}; the packages need 3.11.", file=sys.stderr)
        return 2
    python = make_environment()
    requirements, command = JOBS[arguments.job]
    cuda = [Path(f"requirements/cuda{arguments.cuda}.txt")] if arguments.cuda else []
    install(python, [requirements, *cuda])
    return subprocess.call([python, "-m", *command, *further], cwd=ROOT)


def parse(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Read the command line; what is not known here goes to the job."""
    parser = argparse.ArgumentParser(prog="python -m scripts.setup", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "job", choices=JOBS, help="the main job (spacy project run all), or the tests (pytest)"
    )
    help = "also install cupy for an NVIDIA GPU with this CUDA version"
    parser.add_argument("--cuda", choices=("12", "13"), help=help)
    return parser.parse_known_args(argv)


def make_environment() -> str:
    """Make .venv unless it is there and works; return its Python."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if not python.exists() or subprocess.call([python, "-m", "pip", "--version"], **silent) != 0:
        print(f"Making an environment in {VENV}", flush=True)
        try:
            venv.create(VENV, with_pip=True, clear=True, symlinks=os.name != "nt")
        except subprocess.CalledProcessError:
            missing = "this Python cannot make environments (ensurepip is missing)"
            sys.exit(f"Error: {missing}. On Debian and Ubuntu: apt install python3-venv")
    return str(python)


def install(python: str, files: list[Path]) -> None:
    """Install the requirements at the locked versions, unless this very set is installed already."""
    paths = (LOCK, Path("requirements.txt"), *files)
    wanted = {path.as_posix(): hashlib.sha256((ROOT / path).read_bytes()).hexdigest() for path in paths}
    stamp = VENV / "installed.txt"
    lines = stamp.read_text(encoding="utf-8").splitlines() if stamp.exists() else []
    done = dict(line.split(" ") for line in lines)
    if done | wanted == done:
        return
    print("Installing packages (the first time this takes minutes and some GB)", flush=True)
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "-c", str(LOCK)]
    if subprocess.call([*command, *(part for path in files for part in ("-r", str(path)))], cwd=ROOT) != 0:
        sys.exit("Error: packages could not be installed; the lines above say why. Then run this again.")
    lines = [f"{name} {digest}\n" for name, digest in sorted((done | wanted).items())]
    stamp.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
