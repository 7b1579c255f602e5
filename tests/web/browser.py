"""Chromium on a host of the lab, at the page of that host's agent.

The browser and its driver run in the host's namespaces; this process enters the host's network while it talks to the
driver, so there is one browser at a time. Everything waits for what it expects to see, with generous bounds.
"""
import contextlib
import ctypes
import json
import os
import socket

import zbar
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chromium.remote_connection import ChromiumRemoteConnection
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.file_detector import UselessFileDetector

import agents
from namespaces import FACTOR, LabError, until

PATIENCE = 60
CLONE_NEWNET = 0x40000000
PICTURES = os.environ.get("LANYARD_WEB_PICTURES", os.path.join(agents.BUILD, "web-pictures"))
WEB = "127.0.0.1:4171"
AXE = os.environ.get("LANYARD_AXE")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-prefers-reduced-motion")

# What makes the page wider than the window.
WIDE = """if (document.documentElement.scrollWidth <= innerWidth) return [];
return [...document.querySelectorAll("main *")].filter((e) => !e.closest(".scroll *") && e.getBoundingClientRect().right > innerWidth + 1)
    .map((e) => e.outerHTML.slice(0, 80)).slice(0, 5).concat("all of it")"""


def setns(path):
    """Make sockets of this thread from now on in that network."""
    fd = os.open(path, os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(fd, CLONE_NEWNET) != 0:
            raise LabError("setns %s: %s" % (path, os.strerror(ctypes.get_errno())))
    finally:
        os.close(fd)


class Browser:
    def __init__(self, host, width=1600, height=1000, at=None):
        """at: an address to open; without it, a link of `lanyard web`."""
        self.host, self.driver = host, None
        self.home_net = os.open("/proc/self/ns/net", os.O_RDONLY)
        os.makedirs(host.path("browser"), exist_ok=True)
        env = agents.clean_env(host, {"HOME": host.path("browser"), "PATH": os.environ.get("PATH", "/usr/bin:/bin")})
        with open(host.path("chromedriver.log"), "wb") as log:
            self.proc = host.popen("chromedriver", "--port=9515", stdout=log, stderr=log, env=env)
        setns("/proc/%d/ns/net" % host.pid)
        try:
            until("chromedriver listens", self._listens, PATIENCE)
            self.driver = self._start(host)
            self.look(width, height)
            if at is None:
                self.enter()
            else:
                self.driver.get(at)
        except BaseException:
            self.close()
            raise

    def _listens(self):
        if self.proc.poll() is not None:
            raise LabError("chromedriver ended with %d" % self.proc.returncode)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 9515), 1):
            return True
        return False

    def _start(self, host):
        options = Options()
        for flag in FLAGS:
            options.add_argument(flag)
        options.add_argument("--user-data-dir=" + host.path("browser", "profile"))
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.set_capability("acceptInsecureCerts", True)  # the page's own, whose fingerprint a user compares
        door = ChromiumRemoteConnection("http://127.0.0.1:9515", vendor_prefix="goog", browser_name="chrome")
        driver = webdriver.Remote(door, options=options)
        driver.file_detector = UselessFileDetector()  # files are on this machine already
        driver.set_script_timeout(PATIENCE * FACTOR)
        driver.set_page_load_timeout(PATIENCE * FACTOR)
        return driver

    def enter(self):
        """Come in by a link of `lanyard web`, as a user does."""
        link = self.host.lanyard("web", "--print").out.decode().split()[-1]
        self.driver.get(link)
        self.see("#nav a")

    def enter_by_file(self, folder):
        """The same as a desktop does it for a user who is not root: xdg-open is given a file. Returns its path."""
        opener, said = os.path.join(folder, "xdg-open"), os.path.join(folder, "said")
        with open(opener, "w") as f:
            f.write("#!/bin/sh\nprintf %%s \"$1\" > %s\n" % said)
        os.chmod(opener, 0o755)
        os.chmod(folder, 0o700)
        os.chown(folder, 12345, 12345)
        user = ["setpriv", "--reuid=12345", "--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--"]
        env = {"PATH": folder + ":" + os.environ["PATH"], "DISPLAY": ":0", "XDG_RUNTIME_DIR": folder}
        got = self.host.lanyard("web", wrap=user, env=env)
        assert (got.code, got.out) == (0, b""), got
        with open(said) as f:
            path = f.read()
        self.driver.get("file://" + path)
        self.see("#nav a")
        return path

    def close(self):
        if self.driver is not None:
            with contextlib.suppress(WebDriverException, OSError):
                self.driver.quit()
            self.driver = None
        self.proc.terminate()
        self.proc.wait()
        if self.home_net is not None:
            setns("/proc/self/fd/%d" % self.home_net)
            os.close(self.home_net)
            self.home_net = None

    # --- going and looking ---

    def go(self, view):
        """Open one of the page's views, by its name in the list of views."""
        self.click("#nav a[href='#/%s']" % view)
        self.see("#nav a[href='#/%s'][aria-current]" % view)

    def _find(self, css, text=None):
        for el in self.driver.find_elements(By.CSS_SELECTOR, css):
            with contextlib.suppress(StaleElementReferenceException, NoSuchElementException):
                if el.is_displayed() and (text is None or text in el.text):
                    return el
        return None

    def see(self, css, text=None, timeout=PATIENCE):
        """Wait until an element that css selects is shown, with text in it, and return it."""
        return until(lambda: "the page shows %s %r; it shows:\n%s" % (css, text, self.text()), lambda: self._find(css, text), timeout, every=0.1)

    def gone(self, css, text=None):
        until(lambda: "the page does not show %s %r any more; it shows:\n%s" % (css, text, self.text()),
              lambda: self._find(css, text) is None, PATIENCE, every=0.1)

    def click(self, css, text=None):
        """Press what css selects, as soon as it is there: an element may be replaced while one looks at it."""
        def press():
            el = self._find(css, text)
            if el is None or not el.is_enabled():
                return False
            try:
                el.click()
            except WebDriverException:
                return False
            return True
        until(lambda: "%s %r can be pressed; the page shows:\n%s" % (css, text, self.text()), press, PATIENCE, every=0.1)

    def type(self, css, text):
        def write():
            el = self.see(css)
            try:
                el.clear()
                el.send_keys(text)
            except StaleElementReferenceException:
                return False
            return True
        until(lambda: "%s takes text; the page shows:\n%s" % (css, self.text()), write, PATIENCE, every=0.1)

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def run(self, script, *args):
        return self.driver.execute_script(script, *args)

    def qr(self, selector):
        """What a camera reads on a canvas."""
        self.see(selector)
        width, pixels = self.run("const c = document.querySelector(arguments[0]), p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
                                 "return [c.width, p.filter((_, i) => i % 4 === 0).reduce((s, v) => s + String.fromCharCode(v), '')]", selector)
        picture = zbar.Image(width, len(pixels) // width, "Y800", pixels.encode("latin-1"))
        zbar.ImageScanner().scan(picture)
        return next((symbol.data for symbol in picture), None)

    def look(self, width=1600, height=1000, scheme="light"):
        def tell(cmd, **params):
            self.driver.execute("executeCdpCommand", {"cmd": cmd, "params": params})
        tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def axe(self):
        """What hinders people here, as axe-core finds it; nothing without axe-core."""
        if not AXE:
            return []
        with open(AXE, encoding="utf-8") as f:
            self.run(f.read())
        return self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})"
            ".then((r) => done(r.violations.map((v) => v.id + ': ' + v.nodes[0].html)))")

    def pictures(self, name):
        """Keep the view as it is at 400 and 1,600 pixels, light and dark. Nothing may be wider than the window, also at 2,000, or hinder
        people."""
        os.makedirs(PICTURES, exist_ok=True)
        for width in (400, 1600):
            for scheme in ("light", "dark"):
                self.look(width, 1000, scheme)
                wide = self.run(WIDE)
                assert wide == [], "%s at %d pixels: wider than the window: %s" % (name, width, wide)
                self.driver.save_screenshot(os.path.join(PICTURES, "%s-%d-%s.png" % (name, width, scheme)))
                if (width == 400) == (scheme == "dark"):
                    found = self.axe()
                    assert found == [], "%s at %d pixels, %s: %s" % (name, width, scheme, found)
        self.look(2000, 1000)
        wide = self.run(WIDE)
        assert wide == [], "%s at 2,000 pixels: wider than the window: %s" % (name, wide)
        self.look()

    def complaints(self):
        """What the browser's console has of errors: refused scripts and styles, exceptions. Not what the agent answers with an error."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE" and "Failed to load resource" not in e["message"]]

    def report(self, name):
        """After a failure: a picture, and what the console has."""
        with contextlib.suppress(WebDriverException, OSError):
            os.makedirs(PICTURES, exist_ok=True)
            self.driver.save_screenshot(os.path.join(PICTURES, "failed-%s.png" % name))
            print(json.dumps(self.driver.get_log("browser"), indent=1))
