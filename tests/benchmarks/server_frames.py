"""What the page of ``tumorabm serve`` shows while a scenario plays: pictures a second, and memory. Asserts nothing.

python tests/benchmarks/server_frames.py SCENARIO [MINUTES]

Needs Chromium and Playwright, as the tests of the page do; browser and server share the cores.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

WARM_UP_S = 20.0
REPORT_S = 60.0
PATIENCE_MS = 180_000.0
COUNT_PICTURES = """
() => {
    window.pictures = 0;
    const count = () => { window.pictures += 1; };
    new MutationObserver(count).observe(
        document.querySelector(".tissue-map"), {attributes: true, attributeFilter: ["src"]}
    );
}
"""


def main(scenario: str, minutes: float) -> None:
    """Serve a scenario, play it in a browser, and print each minute what was shown."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tumorabm", "serve", scenario, "--port", str(port), "--no-open"]
    server = subprocess.Popen(command)
    try:
        while not _answers(port):
            time.sleep(0.1)
        with sync_playwright() as playwright:
            found = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1280, "height": 1500})
            page.set_default_timeout(PATIENCE_MS)
            page.goto(f"http://localhost:{port}")
            page.wait_for_selector(".tissue-curves")
            page.evaluate(COUNT_PICTURES)
            page.get_by_role("button", name="▶", exact=True).click()
            page.wait_for_timeout(1e3 * WARM_UP_S)
            _report(page, server.pid, minutes)
    finally:
        server.terminate()
        server.wait()


def _report(page: object, pid: int, minutes: float) -> None:
    ends_s = time.monotonic() + 60.0 * minutes
    while time.monotonic() < ends_s:
        began_s, before, from_h = time.monotonic(), page.evaluate("window.pictures"), _shown_h(page)
        page.wait_for_timeout(1e3 * REPORT_S)
        took_s, shown = time.monotonic() - began_s, page.evaluate("window.pictures") - before
        print(
            f"day {_shown_h(page) / 24.0:.2f}: {shown / took_s:.2f} pictures a second, "
            f"{(_shown_h(page) - from_h) / took_s:.2f} h a second, {_resident_mb(pid):.0f} MB",
            flush=True,
        )


def _shown_h(page: object) -> float:
    return float(page.inner_text(".tissue-time").split("(")[1].split(" h")[0])


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 3.0)
