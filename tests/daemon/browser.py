"""A genuine browser for the tests of the page: Debian's Chromium, driven by chromedriver over the WebDriver
protocol, which is JSON over HTTP. Clicks and keys are the browser's own, not calls into the page.

    with Browser() as browser:
        browser.open(url)
        browser.find("#account").click()

`Skip` says what is missing."""

import base64
import json
import os
import shutil
import urllib.error
import urllib.request

from broker import Server, Skip, free_port, wait_until

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for it
KEYS = {"tab": "\ue004", "enter": "\ue007", "left": "\ue012", "right": "\ue014", "up": "\ue013"}


class Driver(Server):
    name = "chromedriver"

    def __init__(self):
        super().__init__()
        self.port = free_port()

    def command_line(self):
        return [shutil.which("chromedriver"), f"--port={self.port}"]

    def is_up(self):
        try:
            return call(f"http://127.0.0.1:{self.port}/status", "GET")["ready"]
        except (urllib.error.URLError, ConnectionError):
            return False


def call(url, method, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(json.loads(error.read())["value"]["message"].splitlines()[0]) from None


class Element:
    def __init__(self, browser, reference):
        self.browser, self.path = browser, f"/element/{reference}"

    def click(self):
        self.browser.call("POST", self.path + "/click", {})

    def type(self, *keys):
        self.browser.call("POST", self.path + "/value", {"text": "".join(KEYS.get(key, key) for key in keys)})

    @property
    def text(self):
        return self.browser.call("GET", self.path + "/text")

    def attribute(self, name):
        return self.browser.call("GET", f"{self.path}/attribute/{name}")

    def value_of(self, name):
        return self.browser.call("GET", f"{self.path}/property/{name}")

    @property
    def box(self):
        return self.browser.call("GET", self.path + "/rect")

    def find_all(self, selector):
        return self.browser.found(self.path, selector)


class Browser:
    def __init__(self, width=1200, height=1000, dark=False, insecure=False):
        for program, package in (("chromium", "chromium"), ("chromedriver", "chromium-driver")):
            if not shutil.which(program):
                raise Skip(f"{program} is not here: apt-get install {package}")
        self.driver, self.session = Driver(), None
        arguments = ["--headless=new", f"--window-size={width},{height}", "--disable-gpu",
                     "--disable-dev-shm-usage", "--no-first-run", "--lang=en", "--hide-scrollbars"]
        arguments += ["--no-sandbox"] * (os.getuid() == 0) + ["--force-dark-mode"] * dark
        self.wanted = {"goog:chromeOptions": {"binary": shutil.which("chromium"), "args": arguments},
                       "goog:loggingPrefs": {"browser": "ALL"}, "acceptInsecureCerts": insecure}

    def __enter__(self):
        self.driver.__enter__()
        url = f"http://127.0.0.1:{self.driver.port}/session"
        session = call(url, "POST", {"capabilities": {"alwaysMatch": self.wanted}})
        self.session = f"{url}/{session['sessionId']}"
        return self

    def __exit__(self, *reason):
        if self.session:
            call(self.session, "DELETE")
        self.driver.__exit__(*reason)

    def call(self, method, path, body=None):
        return call(self.session + path, method, body)

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def reload(self):
        self.call("POST", "/refresh", {})

    def resize(self, width, height):
        self.call("POST", "/window/rect", {"width": width, "height": height})

    def found(self, path, selector):
        body = {"using": "css selector", "value": selector}
        return [Element(self, each[ELEMENT]) for each in self.call("POST", path + "/elements", body)]

    def find_all(self, selector):
        return self.found("", selector)

    def find(self, selector):
        elements = self.find_all(selector)
        assert len(elements) == 1, f"{len(elements)} elements are {selector}"
        return elements[0]

    def focused(self):
        return Element(self, self.call("GET", "/element/active")[ELEMENT])

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def command(self, name, **parameters):
        """One of the DevTools protocol."""
        return self.call("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def texts(self, selector):
        """All at once, as they are in the page."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())",
                        selector)

    def wait(self, condition, what, timeout_s=20):
        return wait_until(condition, timeout_s, what, 0.1)

    def errors(self):
        """What the console said since this was last asked, but for mere talk."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})
                if entry["level"] in ("SEVERE", "WARNING")]

    def screenshot(self, path, *selectors):
        """Of the whole page, however high, or of these parts of it that follow each other."""
        parameters = {"format": "png", "captureBeyondViewport": True}
        if selectors:
            boxes = [self.find(selector).box for selector in selectors]
            top, end = boxes[0]["y"], boxes[-1]["y"] + boxes[-1]["height"]
            parameters["clip"] = {"x": boxes[0]["x"], "y": top, "width": boxes[0]["width"],
                                  "height": end - top, "scale": 1}
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", **parameters)["data"]))
