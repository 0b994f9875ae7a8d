"""The README begins with the two commands, is short, and each of its links leads somewhere."""

import re
from pathlib import Path

import fault_matrix

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links write them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_first_two_commands_are_those_that_the_ci_runs() -> None:
    assert re.findall(r"<!-- ci: (.+) -->\n```sh\n", README) == ["main-job", "all-tests"]
    assert README.count("```sh") == 2


def test_the_readme_is_two_screens() -> None:
    assert len(README.splitlines()) <= 90


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    broken = []
    for link in links:
        name, _, anchor = link.partition("#")
        page = ROOT / name
        if not page.exists() or (anchor and anchor not in anchors(page)):
            broken.append(link)

    assert len(links) > 20
    assert broken == []


def test_the_number_of_faults_is_that_of_the_matrix() -> None:
    faults, operations = re.findall(r"(\d+) ways .* of (\d+) operations", README)[0]

    assert fault_matrix.totals().startswith(f"{faults} faults x {operations} operations")
