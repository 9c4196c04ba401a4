"""The page in a real browser: Debian's Chromium, driven by Playwright.

Run by ``pytest -m browser``; skipped where either, or the page's libraries, are missing. Screenshots are kept in
pytest's temporary folder, below ``screenshots0``.
"""

import importlib.util
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tumorabm import TumorModel
from tumorabm.scenario.load import scenario_from_dict
from tumorabm.server.map_picture import place_on_map

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = [name for name in ("solara", "playwright") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

PATIENCE_S = 60.0
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PIXELS = """
(picture) => {
    const image = document.querySelector(picture);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL();
}
"""
SCENARIO = """
hours = 240.0
seed = 5
[domain]
size_um = [300.0, 300.0]
[vessels]
density_per_mm2 = 100.0
[cells.blast]
type = "all_blast"
count = 150
[cells.stroma]
type = "msc"
count = 5
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The address of a server of a small scenario."""
    folder = tmp_path_factory.getbasetemp() / "served"
    folder.mkdir()
    (folder / "small.toml").write_text(SCENARIO)
    (folder / "other.toml").write_text(SCENARIO.replace("150", "77"))
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tumorabm", "serve", "small.toml", "--port", str(port), "--no-open"]
    with (folder / "said.txt").open("w") as said:
        server = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said)
    try:
        wait_until(lambda: answers(port) or server.poll() is not None)
        assert server.poll() is None, (folder / "said.txt").read_text()
        yield f"http://localhost:{port}"
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0, (folder / "said.txt").read_text()
    assert "Traceback" not in (folder / "said.txt").read_text(), (folder / "said.txt").read_text()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("screenshots")


@pytest.fixture
def tab(url, browser, tmp_path_factory):
    """A tab that shows the page."""
    tab = Tab(browser, url)
    tab.folder = tmp_path_factory.getbasetemp() / "served"
    yield tab
    assert tab.outside == [], "everything comes from this machine"
    assert "Traceback" not in tab.page.inner_text("body")
    tab.close()


class Tab:
    """A browser tab with the page."""

    def __init__(self, browser, url):
        self.outside = []
        self.page = browser.new_page(viewport={"width": 1280, "height": 1500})
        self.page.set_default_timeout(1000.0 * PATIENCE_S)  # ms
        self.page.on("request", lambda request: self._note(request.url))
        self.page.goto(url)
        self.page.wait_for_selector(".tissue-curves")

    def _note(self, url):
        if not url.startswith(("http://localhost:", "ws://localhost:", "data:", "blob:")):
            self.outside.append(url)

    @property
    def time_h(self) -> float:
        return float(self.page.inner_text(".tissue-time").split("(")[1].split(" h")[0])

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def choose(self, label, choice):
        self.page.locator(".v-select", has_text=label).click()
        self.page.locator(".menuable__content__active .v-list-item").get_by_text(choice, exact=True).click()

    def close(self):
        self.page.goto("about:blank")  # which tells the server, as a closing tab does
        self.page.close()

    def step(self, times):
        for _ in range(times):
            before = self.time_h
            self.press("Step")
            wait_until(lambda before=before: self.time_h > before)

    def curves_once_drawn(self) -> str:
        time.sleep(3.0)
        return self.pixels(".tissue-curves")

    def pixels(self, picture) -> str:
        return self.page.evaluate(PIXELS, picture)

    def body(self) -> str:
        return self.page.inner_text("body")


def answers(port) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0


def wait_until(condition, seconds=PATIENCE_S):
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s, f"not so after {seconds:g} s"
        time.sleep(0.05)


def shares_of_a_cell() -> tuple[float, float]:
    """Return where in the picture the cell lies that is nearest to the middle of the tissue."""
    model = TumorModel(scenario_from_dict(tomllib.loads(SCENARIO)), threads=1)
    x_um, y_um = min(model.population.block("position_um")[:, :2], key=lambda at: np.hypot(*(at - 150.0)))
    shares = [(x, y) for x in np.linspace(0.2, 0.8, 301) for y in np.linspace(0.2, 0.8, 301)]
    return min(shares, key=lambda at: np.hypot(*(np.array(place_on_map((300.0, 300.0), *at)) - (x_um, y_um))))


def test_the_page_shows_the_tissue_at_its_start(tab, screenshots):
    assert tab.time_h == 0.0
    assert "blast (150)" in tab.body()
    tab.page.screenshot(path=screenshots / "start.png")


def test_play_advances_and_pause_stops(tab, screenshots):
    tab.press("▶")
    wait_until(lambda: tab.time_h > 2.0)
    tab.press("❚❚")
    time.sleep(1.0)
    paused_h = tab.time_h
    time.sleep(2.0)
    assert tab.time_h == paused_h
    tab.curves_once_drawn()
    tab.page.screenshot(path=screenshots / "played.png")


def test_step_advances_by_one_step_and_reset_goes_back(tab):
    tab.step(3)
    assert tab.time_h == 0.3
    tab.press("Reset")
    wait_until(lambda: tab.time_h == 0.0)


def test_the_same_steps_give_the_same_curves_and_a_dose_changes_them(tab, url, browser):
    second = Tab(browser, url)
    try:
        tab.step(10)
        second.step(10)
        assert tab.curves_once_drawn() == second.curves_once_drawn()
        second.press("Give a dose now")
        for one in (tab, second):
            one.step(10)
        assert tab.curves_once_drawn() != second.curves_once_drawn()
    finally:
        second.close()


def test_a_second_tab_does_not_disturb_the_first(tab, url, browser):
    second = Tab(browser, url)
    try:
        second.press("▶")
        wait_until(lambda: second.time_h > 1.0)
        assert tab.time_h == 0.0
        tab.step(1)
        assert tab.time_h == 0.1
    finally:
        second.close()


def test_a_click_on_a_cell_shows_its_state(tab, screenshots):
    assert "Click a cell" in tab.body()
    box = tab.page.locator(".tissue-map").bounding_box()
    share_x, share_y = shares_of_a_cell()
    tab.page.mouse.click(box["x"] + share_x * box["width"], box["y"] + share_y * box["height"])
    tab.page.wait_for_selector(".tissue-cell")
    shown = tab.page.inner_text(".tissue-cell")
    for name in ("uid", "phase", "asns_relative", "atf4", "mtorc1", "oxygen_mmHg"):
        assert name in shown
    before = shown
    tab.step(5)
    assert tab.page.inner_text(".tissue-cell") != before, "its state is that of now"
    tab.page.screenshot(path=screenshots / "cell.png")


def test_cells_can_be_coloured_by_asns_over_oxygen(tab, screenshots):
    for label, choice in (("cells coloured by", "ASNS"), ("field", "oxygen")):
        before = tab.pixels(".tissue-map")
        tab.choose(label, choice)
        wait_until(lambda before=before: tab.pixels(".tissue-map") != before)
    tab.page.screenshot(path=screenshots / "asns.png")


def test_a_wrong_value_gives_the_message_of_the_command_line_and_can_be_mended(tab, screenshots):
    seed = tab.page.get_by_label("seed")
    seed.fill("seven")
    seed.press("Tab")
    tab.press("Reset")
    tab.page.wait_for_selector("text=expected")
    assert "seed" in tab.page.inner_text(".v-alert")
    tab.page.screenshot(path=screenshots / "wrong_value.png")
    seed.fill("6")
    seed.press("Tab")
    tab.press("Reset")
    tab.page.wait_for_selector(".tissue-map")
    tab.step(1)


def test_another_scenario_of_the_folder_can_be_chosen(tab):
    tab.choose("scenario", "other")
    wait_until(lambda: "blast (77)" in tab.body())
    tab.step(1)
    tab.press("Reset")
    wait_until(lambda: tab.time_h == 0.0 and "blast (77)" in tab.body())  # the one comes after the other
    tab.press("▶")
    wait_until(lambda: tab.time_h > 0.5)
    tab.choose("scenario", "small")  # while it plays
    wait_until(lambda: "blast (150)" in tab.body() and tab.time_h == 0.0)
    tab.step(1)
    tab.press("Reset")
    wait_until(lambda: tab.time_h == 0.0)


def test_a_scenario_that_was_broken_meanwhile_gives_its_message(tab):
    scenario = tab.folder / "other.toml"
    whole = scenario.read_text()
    try:
        scenario.write_text(whole.replace("77", "-5"))
        tab.choose("scenario", "other")
        wait_until(lambda: "cells.blast.count = -5: expected" in tab.body())
        tab.choose("scenario", "small")
        wait_until(lambda: "blast (150)" in tab.body())
    finally:
        scenario.write_text(whole)


def test_a_slider_that_was_moved_can_be_moved_again(tab):
    track = tab.page.locator(".v-input__slider", has_text="ASNS of stroma").locator(".v-slider")
    for share in (0.5, 0.8):
        box = track.bounding_box()
        assert box["width"] > 200.0
        tab.page.mouse.click(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"])
        wait_until(lambda share=share: abs(moved_to(tab) - 3.0 * share) < 0.1)


def moved_to(tab) -> float:
    label = tab.page.locator(".v-input__slider", has_text="ASNS of stroma").inner_text()
    return float(label.split("relative: ")[1].split()[0])


def test_each_of_several_wrong_values_has_a_line_of_its_own(tab):
    tab.page.get_by_label("seed").fill("-1")
    tab.page.get_by_label("seed").press("Tab")
    box = tab.page.locator(".v-input__slider", has_text="vessels per").locator(".v-slider").bounding_box()
    tab.page.mouse.click(box["x"] + 1.0, box["y"] + 0.5 * box["height"])
    wait_until(lambda: tab.body().count("press Reset") == 2)
    tab.press("Reset")
    tab.page.wait_for_selector("text=expected")
    lines = tab.page.inner_text(".v-alert").splitlines()
    named = [line.split(" = ")[0].split()[-1] for line in lines if line]
    assert named == ["seed", "vessels.density_per_mm2"]


def test_moved_controls_count_from_the_reset_on_and_say_so(tab):
    tab.page.get_by_label("seed").fill("9")
    tab.page.get_by_label("seed").press("Tab")
    tab.choose("perturbation", "asns, factor")
    wait_until(lambda: tab.body().count("press Reset") == 2)
    tab.press("Reset")
    wait_until(lambda: "press Reset" not in tab.body())
    tab.step(1)
