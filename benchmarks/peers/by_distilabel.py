"""The job by distilabel, in its own environment: python by_distilabel.py PORT PROMPTS.jsonl FOLDER

A pipeline of generation (n=4), one row a response, and judgement; what it makes is saved as a data set.
"""

import json
import os
import sys
from pathlib import Path

SAMPLES = 4
IN_FLIGHT = 256


def main(port: str, prompts: Path, folder: Path) -> None:
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "DISTILABEL_LOG_LEVEL": "WARNING"}
    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import ExpandColumns, KeepColumns, LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    asked = [json.loads(line) for line in prompts.read_text().splitlines()]

    def model() -> OpenAILLM:
        return OpenAILLM(model="m", base_url=f"http://127.0.0.1:{port}/v1", api_key="none")

    with Pipeline(name="job", cache_dir=folder / "cache") as pipeline:
        load = LoadDataFromDicts(data=asked, batch_size=IN_FLIGHT)
        write = TextGeneration(
            llm=model(),
            num_generations=SAMPLES,
            group_generations=True,
            input_batch_size=IN_FLIGHT,
            template="{{ document }}\n\n{{ prompt }}",
            columns=["document", "prompt"],
            add_raw_input=False,
            output_mappings={"generation": "response"},
        )
        keep = KeepColumns(columns=["document", "prompt", "response"])
        one = ExpandColumns(columns=["response"])
        judge = TextGeneration(
            llm=model(),
            input_batch_size=IN_FLIGHT,
            columns=["document", "prompt", "response"],
            add_raw_input=False,
            template="{{ document }}\n\n{{ prompt }}\n\n{{ response }}\n\nRate helpfulness, faithfulness, completeness.",
            output_mappings={"generation": "verdict"},
        )
        load >> write >> keep >> one >> judge
    made = pipeline.run(use_cache=False)
    made.save_to_disk(str(folder / "made"), save_card=False, save_pipeline_config=False, save_pipeline_log=False)
    print(len(made["default"]["train"]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
