"""The interactive page under /docs: whole without the internet."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.api.service import Service

CHROMIUM = shutil.which("chromium")
ADDRESSES = ("src", "href", "action", "data", "poster", "srcset")


class Addresses(HTMLParser):
    """Every address that a page names in an element."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ADDRESSES]


def test_the_page_points_nowhere_outside(service: Service) -> None:
    page = service.get("/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "//" not in re.sub(r"^\s*// .*|<!--.*?-->", "", page.text, flags=re.MULTILINE)
    addresses = Addresses()
    addresses.feed(page.text)
    assert addresses.found == [
        "/docs/assets/swagger-ui.css", "/docs/assets/favicon.png", "/docs/assets/swagger-ui-bundle.js",
    ]  # fmt: skip
    assert "url: '/openapi.json'" in page.text
    for path in addresses.found:
        asset = service.get(path)
        assert asset.status_code == 200
        assert len(asset.content) > 100


def test_the_style_sheet_loads_nothing_from_outside(service: Service) -> None:
    style = service.get("/docs/assets/swagger-ui.css").text
    assert "@import" not in style
    assert [
        address
        for address in re.findall(r"url\(\s*[\"']?([^)\"']{1,40})", style)
        if not address.startswith(("data:", "#"))
    ] == []


@pytest.mark.skipif(
    not CHROMIUM, reason="no chromium on this machine: the page is rendered where Debian's chromium is installed"
)
def test_a_browser_without_the_internet_shows_the_operations(service: Service, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    closed = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    rendered = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
            f"--user-data-dir={tmp_path}", f"--host-resolver-rules={closed}", "--virtual-time-budget=20000", "--dump-dom",
            f"{service.base}/docs",
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    page = rendered.stdout
    shown = re.findall(r'data-path="([^"]+)"', page)
    document = service.get("/openapi.json").json()
    operations = [path for path, methods in document["paths"].items() for _ in methods]
    assert [path.replace("\u200b", "") for path in shown] == operations
    assert "hospital" in page
    assert "Failed to load" not in page
