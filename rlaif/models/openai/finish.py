"""Interpret a server's finish reason: only an ending that is known to be complete counts as complete."""

import re
from typing import Any, Final

# A missing reason is no sign of an incomplete text.
WHOLE: Final = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence", ""})
# The model ended its turn by calling tools: whole if the reply has the calls.
CALLING: Final = ("tool_calls", "tool_use", "function_call")
CUT: Final = frozenset(
    {
        "length",
        "max_tokens",
        "max_output_tokens",
        "max_completion_tokens",
        "max_new_tokens",
        "max_length",
        "token_limit",
        "model_length",
        "model_context_window_exceeded",
        "context_window_exceeded",
        "context_length_exceeded",
        "incomplete",
        "repetition",
    }
)
# The server failed during generation, so the request is retried.
FAULT: Final = frozenset(
    {
        "error",
        "abort",
        "aborted",
        "network_error",
        "server_error",
        "internal_error",
        "internal_server_error",
        "engine_error",
        "insufficient_system_resource",
        "timeout",
        "cancelled",
        "canceled",
        "failed",
    }
)
# The terms of Azure, Gemini, Bedrock, Cohere, Zhipu and others, anywhere in the reason.
REFUSED: Final = re.compile(
    r"content_?filter|prohibited|recitation|safety|block_?list|blocked|spii|refus|guardrail|moderation|sensitive|toxic|armor"
)
_ENUMERATION: Final = re.compile(r"\Afinish_?reason[._]")


def finish_of(reason: Any) -> str:
    """Return "stop", "length", "refused", "fault" or "unknown" for a finish reason as a server sends it."""
    if reason is None or reason == "stop":
        return "stop"
    word = re.sub(r"[\s-]+", "_", str(reason).strip().lower())
    if REFUSED.search(word):
        return "refused"
    word = _ENUMERATION.sub("", word)
    if word in WHOLE:
        return "stop"
    # Some servers add details after a colon.
    head = word.partition(":")[0].strip("_")
    return "length" if head in CUT else "fault" if head in FAULT else "unknown"
