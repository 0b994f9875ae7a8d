"""The site is built strictly and without a network, and every link and anchor in it leads somewhere."""

import importlib.util
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from doc_pages import ROOT

import bigcommerce_b2b_invoices as package

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("mkdocstrings") is None, reason="needs the extra docs"
)
ELSEWHERE = {  # every address outside of the site that a page links to; the tests cannot reach them
    "https://dlthub.com",
    "https://pre-commit.com",
    "https://squidfunk.github.io/mkdocs-material/",  # the theme's own line
}
LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src")}


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif tag == "a" and name == "href" and value:
                self.links.append(value)
            elif (tag, name) in LOADED and value:
                self.loaded.append(value)


def without_network(command: list[str]) -> list[str]:
    """The command, in a namespace without any network if the system allows that."""
    probe = ["unshare", "--user", "--net", "true"]
    if shutil.which("unshare") and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        return ["unshare", "--user", "--map-root-user", "--net", *command]
    return command


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. Not with `--quiet`: strict then neither says nor counts what is wrong."""
    folder = tmp_path_factory.mktemp("site")
    command = without_network([sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)])
    bin_folder = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # ruff, which formats the signatures
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PATH": bin_folder}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def parsed(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


@pytest.mark.timeout(180)
def test_every_link_within_the_site_leads_somewhere(site: Path, parsed: dict[Path, Page]) -> None:
    broken, inside = [], 0
    for path, page in parsed.items():
        for link in [*page.links, *page.loaded]:
            target = urlsplit(link)
            if target.scheme or target.netloc or path.name == "404.html":
                continue
            inside += 1
            file = path if not target.path else (path.parent / unquote(target.path)).resolve()
            file = file / "index.html" if file.is_dir() else file
            anchors = parsed[file].anchors if file in parsed else set()
            if not file.is_file() or (target.fragment and unquote(target.fragment) not in anchors | {"__codelineno"}):
                broken.append(f"{path.relative_to(site)}: {link}")

    assert broken == []
    assert inside > 500


def test_the_addresses_elsewhere_are_known(parsed: dict[Path, Page]) -> None:
    found = {link for page in parsed.values() for link in page.links if urlsplit(link).scheme in ("http", "https")}

    assert found <= ELSEWHERE


def test_no_page_loads_anything_from_elsewhere(parsed: dict[Path, Page]) -> None:
    assert [link for page in parsed.values() for link in page.loaded if urlsplit(link).netloc] == []


def test_every_public_name_has_an_anchor(parsed: dict[Path, Page]) -> None:
    anchors = set().union(*(page.anchors for path, page in parsed.items() if path.parent.name == "reference"))

    assert [name for name in package.__all__ if f"{package.__name__}.{name}" not in anchors] == []
