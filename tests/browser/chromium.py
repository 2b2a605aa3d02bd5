"""A headless Chromium, and Bitrix24's frame around a page of ours.

    chromium(*arguments)    a context with a selenium driver
    look(driver, ...)       theme and size of the window
    contrasts(driver)       [(ratio, text)] of all that can be read
    Framing                 a stand-in portal whose GET /frame opens a page as
                            Bitrix24 does: by a POST into a frame

Only loopback is spoken to: every other name ends nowhere.
"""

import contextlib
import html
import os
import shutil
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from standin import Portal
from standin.answers import Answer

LOOPBACK = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"

FRAME = """<!DOCTYPE html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A portal</title>
<style>html,body{{height:100%;margin:0}}form{{display:none}}
iframe{{display:block;border:0;width:100%;height:100%}}</style>
<iframe name="application" title="application"></iframe>
<form method="post" action="{url}" target="application">{fields}</form>
<script>
window.onmessage = async e => {{
  if (e.data !== "installFinish") return;
  await fetch("/finished", {{method: "POST"}});
  document.title = "Installed";
}};
document.forms[0].submit();
</script>
"""

# what BX24.init() and BX24.installFinish() amount to, seen from the page
BX24 = b"""window.BX24 = {
  init: f => addEventListener("load", f),
  installFinish: () => parent.postMessage("installFinish", "*"),
};"""

CONTRASTS = """
const rgb = c => c.match(/[0-9.]+/g).map(Number);
const part = v => (v /= 255) <= .03928 ? v / 12.92 :
  ((v + .055) / 1.055) ** 2.4;
const light = ([r, g, b]) =>
  .2126 * part(r) + .7152 * part(g) + .0722 * part(b);
const back = e => {
  for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c;
  }
  return [255, 255, 255];
};
return [...document.querySelectorAll("body *")].filter(e =>
  [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).map(e => {
    const a = light(rgb(getComputedStyle(e).color)), b = light(back(e));
    return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.textContent];
  });
"""


class Framing(Portal):
    """See above. `opening` is (url, what is posted)."""

    opening = ("", {})

    def respond(self, request):
        if request.path == "/frame":
            url, value = self.opening
            fields = "".join(
                f'<input name="{html.escape(k)}" value="{html.escape(v)}">'
                for k, v in value.items())
            return Answer(200, FRAME.format(
                url=html.escape(url), fields=fields).encode(),
                {"Content-Type": "text/html; charset=utf-8"})
        if request.path == "/finished":
            self.application.installed = True
            return Answer(200, b"")
        if request.path == "/favicon.ico":
            return Answer(204, b"")
        return super().respond(request)


@contextlib.contextmanager
def chromium(rules=LOOPBACK, *arguments):
    """See above."""
    home = tempfile.mkdtemp(prefix="chromium-")
    options = Options()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--disable-gpu", "--no-first-run",
                     "--disable-background-networking",
                     "--disable-component-update", "--disable-sync",
                     "--disable-dev-shm-usage", "--hide-scrollbars",
                     f"--user-data-dir={home}", "--lang=en",
                     f"--host-resolver-rules={rules}", *arguments,
                     *(["--no-sandbox"] if os.getuid() == 0 else [])):
        options.add_argument(argument)
    driver = webdriver.Chrome(
        service=Service(shutil.which("chromedriver")), options=options)
    try:
        yield driver
    finally:
        driver.quit()
        shutil.rmtree(home, ignore_errors=True)


def look(driver, theme="light", width=800, height=660):
    """As a person has it set up."""
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
        {"name": "prefers-color-scheme", "value": theme}]})
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1,
        "mobile": width < 600})


def contrasts(driver):
    """See above."""
    return driver.execute_script(CONTRASTS)
