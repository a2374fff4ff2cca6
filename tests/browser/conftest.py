"""A real browser without a window, for pages that are opened from the disk; skipped without one."""

import json
import shutil
from pathlib import Path

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-device-scale-factor=1",
    "--window-size=1440,1000",
)


class Browser:
    """A browser with one page open, and everything that the page did."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, file, address=""):
        """Opens a page from the disk anew, at 1440 x 1000."""
        driver = self.driver
        driver.get("about:blank")
        driver.set_window_size(1440, 1000)
        driver.get_log("browser")
        driver.get_log("performance")
        driver.get(Path(file).as_uri() + address)
        self.settle()

    def settle(self):
        """Waits for what the page puts off to the next frames."""
        self.driver.execute_async_script(
            "const done = arguments[0];"
            "setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 60)"
        )

    def run(self, script, *arguments):
        """The value of a script's `return`."""
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def one(self, selector):
        return self.driver.find_element("css selector", selector)

    def text(self, selector):
        """What the element says, as the page holds it."""
        told = "return JSON.stringify(document.querySelector(arguments[0]).textContent)"
        return json.loads(self.run(told, selector))  # a driver takes no half surrogate pair

    def press(self, *keys):
        """Types on the page, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()
        self.settle()

    def hover(self, element, x=0, y=0):
        """Moves the pointer to a place, counted from the middle of the element."""
        from selenium.webdriver import ActionChains

        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(self.driver).move_to_element_with_offset(element, x, y).perform()
        self.settle()

    def click(self, element):
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()
        self.settle()

    def complaints(self):
        """What the console was told: errors, warnings, broken policies."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        """Every address that was asked for."""
        asked = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        return asked


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next((found for name in names if (found := shutil.which(name))), None)
    control = shutil.which("chromedriver")
    if browser is None or control is None:
        pytest.skip("no Chromium and chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(control)
    started = webdriver.Chrome(options=options, service=service)
    # a window without a screen may never get the focus, and then no element gets it either
    started.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    yield started
    started.quit()


@pytest.fixture
def browser(driver):
    """The browser; at the end the page must have complained of nothing and asked for nothing."""
    opened = Browser(driver)
    yield opened
    assert opened.complaints() == []
    strange = [
        address
        for address in opened.requests()
        if not address.startswith(("file://", "data:", "about:"))
    ]
    assert strange == []
