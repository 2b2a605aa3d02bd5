"""The pages in a browser, in the frame in which Bitrix24 shows them.

SCREENSHOTS=docs keeps the pictures of the settings page there.
Run: make check-browser
"""

import importlib.util
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "e2e")]

# pylint: disable=wrong-import-position
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

import events  # noqa: E402
from chromium import (BX24, LOOPBACK, Framing, chromium,  # noqa: E402
                      contrasts, look)
from opening import page, settings  # noqa: E402
from several import APP, SOON  # noqa: E402
from site_folder import wait_until  # noqa: E402
from standin import Authority  # noqa: E402
from standin.answers import Answer  # noqa: E402
from standin.peer import Peer  # noqa: E402
from test_setup import NAMED, UNKNOWN, installed, set_up, url_of  # noqa: E402

_SPEC = importlib.util.spec_from_file_location(
    "end_to_end", HERE.parent / "e2e" / "conftest.py")
_FIXTURES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_FIXTURES)
portals, start = _FIXTURES.portals, _FIXTURES.start

QUERY = "?DOMAIN=x.bitrix24.com&PROTOCOL=0&LANG={}&APP_SID=1"
SIZES = {"light": ("light", 760, 600), "dark": ("dark", 760, 600),
         "phone": ("light", 390, 800)}


@pytest.fixture(scope="module")
def driver():
    """One browser for all that needs no other names."""
    with chromium() as one:
        yield one


@pytest.fixture
def portal(portals):
    """One that opens pages."""
    return portals(Framing)


@pytest.fixture
def server(start, portal):
    """With the application installed there."""
    one = start("nginx", app={**APP, **UNKNOWN}, retry=SOON, **NAMED)
    installed(one, portal)
    wait_until(lambda: set_up(portal, url_of(one)), 60)
    return one


def enter(driver, portal, url, value, lang="en"):
    """Opens a page in the portal's frame, and looks inside."""
    portal.opening = (url + QUERY.format(lang), value)
    driver.switch_to.default_content()
    driver.get(portal.url + "frame")
    driver.switch_to.frame("application")
    wait_until(lambda: driver.find_elements(By.TAG_NAME, "body") and
               driver.execute_script("return location.href") != "about:blank"
               and driver.execute_script("return document.readyState") ==
               "complete", 30, "the page")


def badge(driver):
    """How the connector stands, as the page says."""
    return driver.find_element(By.CLASS_NAME, "badge").text


def button(driver, act):
    """The button of that name."""
    return driver.find_element(By.CSS_SELECTOR, f"button[value={act}]")


def shows(driver, text):
    """Waits for the next page, which says that."""
    def said():
        try:
            return text in driver.find_element(By.TAG_NAME, "main").text
        except Exception:       # the page is being changed
            return False
    wait_until(said, 30, text)


def test_on_and_off(driver, server, portal):
    """As a person with a mouse does it."""
    enter(driver, portal, url_of(server), settings(portal))
    assert badge(driver) == "Off"
    button(driver, "on").click()
    shows(driver, "The connector is switched on.")
    assert badge(driver) == "On"
    assert portal.application.works("myconnector", 107)
    (status, _), = portal.application.deliver(
        events.ADD, events.as_form(events.of(portal)), "myconnector", 107)
    assert status == 200
    button(driver, "off").click()
    shows(driver, "The connector is switched off.")
    assert not portal.application.works("myconnector", 107)
    assert driver.get_log("browser") == []


def test_by_keyboard(driver, server, portal):
    """Tab finds the buttons in order, shows where it is, Enter presses."""
    enter(driver, portal, url_of(server), settings(portal))
    found = []
    driver.find_element(By.TAG_NAME, "body").click()
    for _ in range(2):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        here = driver.switch_to.active_element
        found.append(here.get_attribute("value"))
        assert driver.execute_script(
            "return getComputedStyle(arguments[0]).outlineStyle",
            here) == "solid"
    assert found == ["on", "look"]
    button(driver, "on").send_keys(Keys.ENTER)
    shows(driver, "The connector is switched on.")


@pytest.mark.parametrize("lang", ["en", "de", "ru", "la", "br"])
@pytest.mark.parametrize("size", SIZES)
def test_it_can_be_read(driver, server, portal, lang, size):
    """In both themes and on a phone: enough contrast, nothing cut off, and
    buttons that a finger hits."""
    theme, width, height = SIZES[size]
    look(driver, theme, width, height)
    enter(driver, portal, url_of(server), settings(portal), lang)
    button(driver, "on").click()
    wait_until(lambda: portal.application.works("myconnector", 107), 30)
    wait_until(lambda: driver.find_elements(By.CLASS_NAME, "note"), 30)
    for ratio, text in contrasts(driver):
        assert ratio >= 4.5, text
    assert driver.execute_script(
        "return document.documentElement.scrollWidth") <= width
    assert driver.execute_script(
        "return document.documentElement.lang") == \
        {"la": "es", "br": "pt"}.get(lang, lang)
    for one in driver.find_elements(By.TAG_NAME, "button"):
        assert one.size["height"] >= 44 and one.text
    if lang == "en" and (folder := os.environ.get("SCREENSHOTS")):
        driver.switch_to.default_content()
        driver.save_screenshot(f"{folder}/settings-{size}.png")


@pytest.mark.parametrize("size", SIZES)
def test_what_is_wrong_can_be_read(driver, server, portal, size):
    """An error's colours, and those of what is not known."""
    theme, width, height = SIZES[size]
    look(driver, theme, width, height)
    portal.always("error:ERROR_UNEXPECTED_ANSWER", to="imconnector.status")
    enter(driver, portal, url_of(server), settings(portal))
    shows(driver, "ERROR_UNEXPECTED_ANSWER")
    for ratio, text in contrasts(driver):
        assert ratio >= 4.5, text
    if folder := os.environ.get("SCREENSHOTS_MORE"):
        driver.switch_to.default_content()
        driver.save_screenshot(f"{folder}/wrong-{size}.png")


def test_nobody_else_frames_it(driver, server, portal, portals):
    """A page of another host, with all that the portal would post."""
    attacker = portals(Framing)
    enter(driver, attacker, url_of(server), settings(portal))
    assert not driver.find_elements(By.TAG_NAME, "button")
    driver.switch_to.default_content()
    assert any("frame-ancestors" in line["message"]
               for line in driver.get_log("browser"))


class Api(Peer):
    """api.bitrix24.com, as far as it matters here."""

    def respond(self, request):
        return Answer(200, BX24, {"Content-Type": "text/javascript"})


def test_installed_by_its_page(start, portal, tmp_path):
    """The page sets up, then tells Bitrix24, and all works."""
    server = start("nginx", app={**APP, **UNKNOWN}, retry=SOON, **NAMED)
    portal.application.installed = False
    context = Authority(tmp_path).context()
    with Api(tls=context) as api:
        at = api.url.split("/")[2]
        with chromium(f"MAP api.bitrix24.com {at}, {LOOPBACK}",
                      "--ignore-certificate-errors") as driver:
            enter(driver, portal, url_of(server), page(portal))
            assert "Installation" in driver.page_source
            driver.switch_to.default_content()
            wait_until(lambda: driver.title == "Installed", 60)
            if folder := os.environ.get("SCREENSHOTS_MORE"):
                look(driver)
                driver.save_screenshot(f"{folder}/install.png")
            assert portal.application.installed
            assert set_up(portal, url_of(server))
            wait_until(lambda: "event=set-up " in server.log(), 60)
            # opened once more, it says so, and calls nothing
            enter(driver, portal, url_of(server), page(portal))
            shows(driver, "The application is installed and set up.")
            enter(driver, portal, url_of(server), settings(portal))
            button(driver, "on").click()
            shows(driver, "The connector is switched on.")
