"""The job by curator, in its own environment: python by_curator.py PORT PROMPTS.jsonl FOLDER

It has no `n`: each sample is a row, and each row a request. Its cache folder holds everything as JSON lines and Arrow.
"""

import json
import os
import sys
from pathlib import Path

SAMPLES = 4
IN_FLIGHT = 256


def main(port: str, prompts: Path, folder: Path) -> None:
    os.environ |= {"CURATOR_CACHE_DIR": str(folder), "TELEMETRY_ENABLED": "false", "CURATOR_DISABLE_RICH_DISPLAY": "1"}
    os.environ |= {"OPENAI_API_KEY": "none", "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    _tokenizer_that_came_with_litellm()
    from bespokelabs import curator

    class Writer(curator.LLM):
        def prompt(self, row: dict) -> str:
            return f"{row['document']}\n\n{row['prompt']}\n\nSample {row['sample']}."

        def parse(self, row: dict, response: str) -> dict:
            return row | {"response": response}

    class Critic(curator.LLM):
        def prompt(self, row: dict) -> str:
            return (
                f"{row['document']}\n\n{row['prompt']}\n\n{row['response']}\n\nRate helpfulness, faithfulness, completeness."
            )

        def parse(self, row: dict, response: str) -> dict:
            return row | {"verdict": response}

    backend = {
        "model_name": "m",
        "backend": "openai",
        "backend_params": {
            "base_url": f"http://127.0.0.1:{port}/v1",
            "max_requests_per_minute": 10_000_000,
            "max_tokens_per_minute": 10_000_000_000,
            "max_concurrent_requests": IN_FLIGHT,
            "require_all_responses": True,
        },
    }
    asked = [json.loads(line) for line in prompts.read_text().splitlines()]
    rows = [row | {"sample": sample} for row in asked for sample in range(SAMPLES)]
    written = Writer(**backend)(rows)
    judged = Critic(**backend)(written.dataset)
    print(len(judged.dataset))


def _tokenizer_that_came_with_litellm() -> None:
    """Without it tiktoken would download one."""
    from importlib.util import find_spec

    litellm = find_spec("litellm")
    assert litellm
    assert litellm.origin
    for place in ("litellm_core_utils/tokenizers", "llms/tokenizers"):
        if (Path(litellm.origin).parent / place).exists():
            os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(litellm.origin).parent / place)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
