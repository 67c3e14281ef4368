"""Starting programs and Pythons so that nothing of the current folder is ever executed.

A Python started with ``-c`` or ``-m`` imports from the current folder first, an empty entry
of PATH, PYTHONPATH or LD_LIBRARY_PATH means the current folder, and so does a relative one.
The current folder may be somebody else's: a download, a pull request, /tmp.
"""

import os
import shutil
import sys
from pathlib import Path

_PACKAGE = str(Path(__file__).absolute().parents[2])  # where `harness` itself was imported from
_LISTS = ("PATH", "LD_LIBRARY_PATH")


def find(name: str) -> str | None:
    """The program ``name`` in the absolute folders of PATH; None where there is none."""
    return shutil.which(name, path=_absolute(os.environ.get("PATH", os.defpath)))


def install(package: str) -> str:
    """The command with which this host's package manager installs a package."""
    managers = ("apt-get", "dnf", "zypper")
    return f"{next(filter(find, managers), managers[0])} install {package}"


def environment() -> dict[str, str]:
    """This environment without PYTHONPATH and without ways into the current folder."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | {name: _absolute(kept[name]) for name in _LISTS if name in kept}


def module_path() -> list[str]:
    """Where a Python of this package finds modules: where this one does, in the same order.

    But the standard library comes first, and relative entries and the current folder are left out.
    """
    standard = [entry for entry in sys.path if _is_standard(entry)]
    others = [entry for entry in sys.path if not _is_standard(entry) and not _is_here(entry)]
    kept = standard + others
    return kept if _PACKAGE in kept else [*kept, _PACKAGE]


def home_of(module: str) -> str:
    """The folder that an imported module was found in; "" for this package's own.

    A job's function may lie in the current folder: the caller has imported it from there.
    """
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or module.partition(".")[0] == __name__.partition(".")[0]:
        return ""
    path = Path(file).absolute()
    return str(path.parents[module.count(".") + (path.stem == "__init__")])


def _absolute(folders: str) -> str:
    return os.pathsep.join(one for one in folders.split(os.pathsep) if one[:1] == "/")


def _is_standard(entry: str) -> bool:
    major, minor = sys.version_info[:2]
    place = Path(entry)
    return place.is_absolute() and (
        place == Path(os.__file__).parent
        or place.name in (f"python{major}{minor}.zip", "lib-dynload")
    )


def _is_here(entry: str) -> bool:
    """Whether an entry is the current folder, or depends on it."""
    place = Path(entry)
    try:
        return not place.is_absolute() or place.samefile(os.curdir)
    except OSError:  # one of the two is not there
        return False
