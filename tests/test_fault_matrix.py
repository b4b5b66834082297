"""Every fault that a run must survive and what it must do; tests carry `pytest.mark.fault` with its number.

H are faults of servers, J of a judge's replies, P of the process and its storage.
"""

import ast

from tests.support.paths import TESTS

# number: (the fault, what is required)
FAULTS: dict[str, tuple[str, str]] = {
    "H1": (
        "429 with Retry-After in any form, or for a day",
        "honoured, capped; a long rest costs no attempt; one cut of the window",
    ),
    "H2": ("429 without a header; 429 or 402 for an unpaid bill", "back off; the bill ends the run at once"),
    "H3": ("500, 502, 503, 504, 520, 529, overloaded", "asked again; overload narrows the window, a plain 5xx does not"),
    "H4": ("408 and 409", "asked again"),
    "H5": ("400 for a long context, 413", "a terminal failure of that unit alone"),
    "H6": (
        "400 for a parameter that the server does not take",
        "learnt once, not per row; what a judgement rests on is never left out; counted in the store, status and report, and the doctor tells",
    ),
    "H7": ("401 or 403 at first, 403 for one request later", "ends the run at first; later the request's own failure"),
    "H8": ("404 for the model", "ends the run and names the models that are there"),
    "H9": (
        "no connection, no such host, no TLS; at first or later",
        "waited for as long as the file allows, with a line that says so; then unreachable ends the run; later the server is set aside, probed and used again",
    ),
    "H10": (
        "a reply cut anywhere, of a wrong length, of bad gzip or of half JSON",
        "an error and asked again, never half an answer",
    ),
    "H11": ("a drip of bytes, or none at all", "one deadline for the whole attempt; no slot is lost"),
    "H12": (
        "200 with HTML, an error, no choices, no text, senseless usage",
        "asked again, then malformed; unknown usage is unknown and guessed for the budget, never free",
    ),
    "H13": (
        "fewer or more than n choices, an index twice, n ignored",
        "what came is kept, the rest asked for one by one, the surplus dropped and counted",
    ),
    "H14": ("all samples of a prompt are the same", "one candidate, no pair, the reason counted, and the cause told"),
    "H15": ("an answer cut off by its limit", "kept and marked, never chosen, left out of both sides on demand"),
    "H16": ("a filtered or refused answer, in any form", "an outcome that is counted, neither error nor answer"),
    "H17": ("a reply of a gigabyte, or without end", "cut off at a bound, oversized, not asked again"),
    "H18": ("a redirect elsewhere", "not followed"),
    "H19": ("a proxy in the environment and a server on this machine", "the proxy is for others alone"),
    "H20": (
        "another model under the same name, or another version, length, root or build of it",
        "another name ends the run, never mixed; what else a server tells of itself is kept run by run, and a change is told",
    ),
    "H21": ("healthy by its own account, and no progress", "the server is started again"),
    "H22": (
        "a server of our own runs out of memory, dies, or is left behind",
        "its log becomes what to do; bounded restarts; no process survives",
    ),
    "J1": ("prose, fences, thoughts, two objects, single quotes, trailing commas", "one strict JSON object, or malformed"),
    "J2": (
        "a verdict cut off, or blanks without end",
        "asked again with more room; then truncated, and the blanks are told",
    ),
    "J3": ("a score out of range, half a point, text, true, null, NaN, infinite", "a failure, never clamped"),
    "J4": ("a name twice in one object", "malformed"),
    "J5": ("a criterion missing, too many, renamed, in another order", "the exact set by name, or none counts"),
    "J6": ("a score in the rationale that is not the verdict", "only the named field counts, for its log-probability too"),
    "J7": ("the judge refuses or is filtered", "a kind, and failures shown by judge"),
    "J8": ("no verdict for one of several answers", "that answer is in no pair, the others still are"),
    "J9": ("ties, small margins, all equal", "no pair, and the reason counted"),
    "J10": ("an answer that gives the judge orders", "it stays between its fences; what a judge falls for is measured"),
    "P1": ("killed at any moment", "the same pairs as an undisturbed run, and no more asked again than was in flight"),
    "P2": (
        "SIGINT, SIGTERM or a closed terminal once, twice, three times",
        "drained and told how to go on; cancelled; gone",
    ),
    "P3": ("a full disk, or a place that cannot be written", "the run ends and says so; what was kept is there"),
    "P4": ("a second process, or the lock of a dead one", "told at once with its number; a lock ends with its holder"),
    "P5": ("the clock jumps; two runs in one second", "the wall clock is for records; names do not rest on it"),
    "P6": (
        "a store of an older version, of a newer one, or no store at all",
        "brought up to date in one transaction with a copy kept; refused with both versions and what to do",
    ),
    "P7": (
        "the pipeline changes between runs",
        "told, with what it makes owed; what changes answers is in the keys, so only that is; what changes speed is not",
    ),
    "P8": ("rows edited, in another order, added, taken out", "keys are of content: only what is new is owed"),
    "P9": ("units that always fail", "so many attempts over all runs, and counted; as many again on demand"),
    "P10": (
        "nearly everything fails",
        "ends when nearly all of the last have failed, or every server for too long, and says how; goes on later",
    ),
    "P11": (
        "odd text: NUL, half a character, other line ends, right to left, markup, escapes",
        "unchanged in the data, harmless on a terminal and a page",
    ),
    "P12": ("no rows, one, one sample, duplicates, a megabyte", "each has a defined outcome"),
    "P13": ("the hub: no token, no network, 429, a conflict", "the data set is whole here first; one commit or none"),
    "P14": ("an export killed half-way", "never taken for data"),
    "P15": (
        "a training killed, NaN, on pairs that are equal or do not fit",
        "goes on exactly; stops; refused before it begins",
    ),
    "P16": ("a loop that runs already, as in a notebook; a fork", "a thread of its own; nothing forks"),
}
# Faults, or parts of one, that no test here can produce, and why.
UNTESTED = {
    "H20": "weights that change while the server tells the same of itself cannot be seen",
    "H22": "errors of CUDA and a GPU's memory need a GPU; what vLLM logs of them is read from its log as it was seen",
    "P3": "a full file system needs one of its own: the bound of a process on file sizes stands in for it",
    "P4": "a lock on a network share needs one",
    "P5": "the machine's clock cannot be set here: that nothing is decided by it is shown by who reads it",
    "P13": "the hub's network is not cut half-way: what its client sends before the one commit is not seen by anybody",
}


def marked() -> set[str]:
    """The numbers that tests carry."""
    found = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                found |= {ast.literal_eval(each) for each in node.args}
    return found


def test_every_fault_has_a_test_or_a_reason() -> None:
    assert set(FAULTS) - marked() <= set(UNTESTED)


def test_every_mark_names_a_fault() -> None:
    assert marked() <= set(FAULTS)
