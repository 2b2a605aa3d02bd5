"""The status page as people see it: live, in both themes, on a phone.

SCREENSHOTS=folder keeps pictures of it there.
Run: make check-browser
"""

import contextlib
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "e2e")]

# pylint: disable=wrong-import-position
from selenium.webdriver.common.by import By  # noqa: E402

import events  # noqa: E402
import servers  # noqa: E402
from chromium import chromium, contrasts, look  # noqa: E402
from events import as_form, message  # noqa: E402
from site_folder import merged, wait_until  # noqa: E402
from standin import Portal  # noqa: E402
from watching import LOCAL  # noqa: E402


@pytest.fixture
def portal():
    """A Bitrix24 that knows the access token of events.py."""
    with Portal() as one:
        one.add_token(events.ACCESS)
        yield one


@pytest.fixture
def server():
    """A handler behind nginx, whose pages this machine may see."""
    one = servers.Nginx(merged(servers.CONFIG, {"status": LOCAL})).start()
    yield one
    one.stop()


@pytest.fixture
def browser(server):
    """browser(theme, width, script): a driver on the page."""
    with contextlib.ExitStack() as stack:
        def open_page(theme="light", width=1100, script=True):
            driver = stack.enter_context(chromium())
            look(driver, theme, width, 1000)
            driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled",
                                   {"value": not script})
            driver.get(f"http://127.0.0.1:{server.port}{server.url}/status")
            return driver
        yield open_page


def text(driver, name):
    """What stands in the element of that id."""
    return driver.find_element(By.ID, name).text


def shown(driver, name, words):
    """Waits until it does."""
    wait_until(lambda: words in text(driver, name), 60, f"{words!r}")


def tile(driver, name, value):
    """Waits until that figure has this value."""
    wait_until(lambda: driver.execute_script(
        "return [...document.querySelectorAll('#tiles div')].map((e) =>"
        " e.querySelector('dt').textContent + ':' +"
        " e.querySelector('dd').textContent)").count(f"{name}:{value}"), 60,
        f"{name}: {value}")


def send(server, portal, first, n):
    """Events of a message each."""
    for i in range(first, first + n):
        server.post(as_form(events.of(portal, message(
            i, chat=f"c{i}", text="Secret words"))))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
def test_the_page_is_live(server, portal, browser, theme, width):
    send(server, portal, 1, 3)
    driver = browser(theme, width)
    shown(driver, "state", "All is well")
    shown(driver, "channels", "myconnector")
    tile(driver, "acknowledged, kept", 3)
    send(server, portal, 4, 4)              # it looks again by itself
    tile(driver, "acknowledged, kept", 7)
    portal.always("status:500")
    send(server, portal, 8, 2)
    shown(driver, "waiting", "to be tried again")
    shown(driver, "errors", "500")
    shown(driver, "state", "Something needs a look")
    tile(driver, "waiting", 2)
    assert "Secret words" not in driver.page_source
    assert events.ACCESS not in driver.page_source
    body = driver.find_element(By.TAG_NAME, "body")
    paper = body.value_of_css_property("background-color")
    assert ("255, 255, 255" in paper) == (theme == "light"), paper
    for ratio, words in contrasts(driver):
        assert ratio >= 4.5, (ratio, words)
    # nothing but a table scrolls sideways
    assert driver.execute_script(
        "return document.documentElement.scrollWidth") <= width
    said = [m for m in driver.get_log("browser")
            if "favicon" not in m["message"]]
    assert said == []
    if folder := os.environ.get("SCREENSHOTS"):
        driver.save_screenshot(f"{folder}/status-{theme}-{width}.png")


def test_what_screen_readers_and_keyboards_need(server, portal, browser):
    send(server, portal, 1, 1)
    driver = browser()
    shown(driver, "channels", "myconnector")
    label = driver.find_element(By.ID, "chart").get_attribute("aria-label")
    assert "In the last hour: events" in label
    assert driver.find_element(By.ID, "state").get_attribute("role") == \
        "status"
    for table in driver.find_elements(By.TAG_NAME, "table"):
        heads = table.find_elements(By.TAG_NAME, "th")
        assert heads and all(h.get_attribute("scope") for h in heads)
    for region in driver.find_elements(By.CSS_SELECTOR, "[role=region]"):
        assert region.accessible_name, region.get_attribute("id")
        assert region.get_attribute("tabindex") == "0"


def test_an_outage_is_told_and_ends(server, portal, browser):
    send(server, portal, 1, 1)
    driver = browser()
    shown(driver, "state", "All is well")
    kept = server.site.store.rename(server.site.store.with_suffix(".away"))
    server.site.store.write_text("no database " * 500)
    shown(driver, "state", "No answer: the store cannot be read")
    kept.rename(server.site.store)
    shown(driver, "state", "All is well")


def test_without_scripts(server, portal, browser):
    send(server, portal, 1, 2)
    driver = browser(script=False)
    table = driver.find_element(By.CSS_SELECTOR, "main noscript table")
    assert "acknowledged 2" in table.text
