"""One HTML file of everything: template, styles, scripts and data.

Names in the data come from files that anybody may have made. They go into the page as JSON without a character that
HTML knows, and onto the screen as text, never as HTML; and the page's own policy lets nothing run or load but what is
in it.
"""

import base64
import hashlib
import json
import re
from pathlib import Path

WEB = Path(__file__).parent / "web"
SCRIPTS = ("three.js", "data.js", "colours.js", "figure.js", "stage.js", "controls.js", "charts.js", "latent.js")
LIVE = ("decoder.js", "motion.js", "bvh.js", "dance.js", "guide.js", "live_map.js", "live.js")
SCRIPTS = (*SCRIPTS, *LIVE, "sections.js", "main.js")
ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


def html(contents):
    """The page as text, from plain values. The weights of the model, which are most of it, come last, after all that
    can be shown without them."""
    style, scripts = _read("page.css"), {name: _read(name) for name in SCRIPTS}
    model = contents.get("model")
    weights = model["weights"] if model else []
    if model:
        contents = contents | {"model": {name: value for name, value in model.items() if name != "weights"}}
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts.values()))}; style-src {_hash(style)}; "
        f"img-src data:; {'worker-src blob:; ' if model else ''}base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "style": f"<style>{style}</style>",
        "data": f'<script type="application/json" id="data">{as_json(contents)}</script>',
        "scripts": "\n".join(f'<script id="{name}">{script}</script>' for name, script in scripts.items()),
        "weights": "\n".join(
            f'<script type="text/plain" id="weights{number}">{text}</script>' for number, text in enumerate(weights)
        ),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _read("page.html"))


def as_json(value):
    """JSON that may stand in HTML: ASCII alone, nothing that could end a script, numbers that are none as null."""
    return json.dumps(_finite(value), allow_nan=False, separators=(",", ":")).translate(ESCAPES)


def _finite(value):
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value


def _read(name):
    return (WEB / name).read_text(encoding="utf-8")


def _hash(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
