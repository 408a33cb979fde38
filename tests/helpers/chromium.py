"""A headless Chromium, driven over its own debugging pipe: JSON messages that end with a zero byte. No package needed.

https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import io
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# everything that a name or an address would be looked up for leads nowhere; WebGL is computed by the processor
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu-sandbox", "--no-first-run", "--remote-debugging-pipe"),
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking", "--disable-component-update"),
    *(
        "--disable-extensions",
        "--hide-scrollbars",
        "--force-color-profile=srgb",
        "--disable-background-timer-throttling",
    ),
)


def find():
    """The path of a Chromium; None where there is none, or none that this module can drive."""
    if sys.platform == "win32":
        return None
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """One page of one browser. `console` and `requests` hold what it has said and asked for so far."""

    def __init__(self, path):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        reads, writes = os.pipe(), os.pipe()  # the browser reads from descriptor 3 and writes to 4
        script = f'exec 3<&{reads[0]} 4>&{writes[1]}; exec "$@"'
        command = [
            "bash",
            "-c",
            script,
            "chromium",
            path,
            *FLAGS,
            f"--user-data-dir={self.profile.name}",
            "about:blank",
        ]
        self.process = subprocess.Popen(
            command, pass_fds=(reads[0], writes[1]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(reads[0])
        os.close(writes[1])
        self.to, self.from_, self.rest = reads[1], writes[0], b""
        self.numbers, self.console, self.requests, self.events = itertools.count(1), [], [], []
        self.session = None
        pages = self.send("Target.getTargets")["targetInfos"]
        page = next(page["targetId"] for page in pages if page["type"] == "page")
        self.session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        """Send a command and wait for its answer."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _receive(self, patience=60):
        while b"\0" not in self.rest:
            assert select.select([self.from_], [], [], patience)[0], "the browser does not answer"
            part = os.read(self.from_, 1 << 20)
            assert part, "the browser has ended"
            self.rest += part
        message, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(message)
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.console.append((params["type"], [part.get("value") for part in params["args"]]))
        elif method == "Runtime.exceptionThrown":
            self.console.append(("error", params["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.console.append((params["entry"]["level"], params["entry"]["text"]))
        self.events.append(method)
        return message

    def open(self, path, width=720, height=520, mobile=False, **media):
        """Open a file, at a size in pixels and with media features, as prefers_color_scheme="dark"."""
        self.console.clear()
        self.requests.clear()
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.send("Emulation.setTouchEmulationEnabled", enabled=mobile)
        self.media(**media)
        self.events.clear()
        self.send("Page.navigate", url=path.absolute().as_uri())
        end = time.monotonic() + 60
        while "Page.loadEventFired" not in self.events:
            assert time.monotonic() < end
            self._receive()

    def media(self, **media):
        """Give media features values, as prefers_color_scheme="dark"."""
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self.send("Emulation.setEmulatedMedia", features=features)

    def run(self, expression):
        """The value of a JavaScript expression; waits for promises."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def frames(self, count=2):
        """Wait until the page has been drawn again."""
        step = "new Promise((done) => requestAnimationFrame(done))"
        self.run(f"(async () => {{ for (let i = 0; i < {count}; i++) await {step}; }})()")

    def picture(self, selector=None):
        """What is on the screen, or what one element covers of it, brought to its middle: (H, W, 3)."""
        clip = {}
        if selector:
            self.bring(selector)
            box = self.box(selector)
            clip = {"clip": {**box, "scale": 1}}
        data = self.send("Page.captureScreenshot", format="png", **clip)["data"]
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)

    def bring(self, selector):
        """Scroll an element to the middle of the window."""
        options = "{block: 'center', behavior: 'instant'}"
        self.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView({options})")

    def box(self, selector):
        """Where an element is in the page: {x, y, width, height}."""
        return self.run(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            f"return {{x: b.x + scrollX, y: b.y + scrollY, width: b.width, height: b.height}} }})()"
        )

    def middle(self, selector):
        """The middle of an element in the window, once it is brought there: [x, y]."""
        self.bring(selector)
        return self.run(
            "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )

    def click(self, selector):
        """Press the mouse on an element."""
        x, y = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, "left", clickCount=1)

    def mouse(self, kind, x, y, button="none", **more):
        """A mouse event, at a place in the window."""
        buttons = {"left": 1, "right": 2, "none": 0}[button] if kind != "mouseReleased" else 0
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=buttons, **more)

    def wheel(self, selector, turn):
        """Turn the mouse's wheel over an element."""
        self.mouse("mouseWheel", *self.middle(selector), deltaX=0, deltaY=turn)

    def drag(self, selector, dx, dy, button="left"):
        """Drag the mouse from the middle of an element."""
        x, y = self.middle(selector)
        self.mouse("mousePressed", x, y, button, clickCount=1)
        for share in (0.3, 0.7, 1):
            self.mouse("mouseMoved", x + share * dx, y + share * dy, button)
        self.mouse("mouseReleased", x + dx, y + dy, button, clickCount=1)

    def key(self, key):
        """Press and release a key."""
        text = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def close(self):
        self.session = None
        try:
            self.send("Browser.close")
            self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self.to)
            os.close(self.from_)
            self.profile.cleanup()
