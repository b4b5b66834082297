"""Describes every column of an export, and how to load and train on each form, for cards and the documentation."""

from collections.abc import Mapping

COLUMNS: Mapping[str, str] = {
    "prompt": "messages as the generator saw them, the whole conversation",
    "chosen": "the better response: the assistant's message, or (form `reward`) the whole conversation",
    "rejected": "the worse response, likewise",
    "completion": "the response: the assistant's message",
    "responses": "all scored responses, best first, each a list with the assistant's message",
    "label": "whether the response was chosen",
    "tools": "schemas of the tools that the prompt offers, as JSON text",
    "probability": "probability that the chosen response is better",
    "confidence": "probability that the label is right; null if unknown",
    "margin": "lead of the chosen response, from 0 to 100 (form `reward`: to 1), usually the difference of the scores; "
    "null if only the order is known",
    "score_chosen": "total score by the weights of the criteria, from 0 to 100",
    "score_rejected": "the same for the rejected response",
    "score": "total score by the weights of the criteria, from 0 to 100",
    "scores": "the total score of each response, from 0 to 100",
    "criterion_scores_chosen": "score by criterion, each on its own scale",
    "criterion_scores_rejected": "the same for the rejected response",
    "criterion_scores": "score by criterion, each on its own scale",
    "rationales_chosen": "the judge's rationale by criterion",
    "rationales_rejected": "the same for the rejected response",
    "rationales": "the judge's rationale by criterion",
    "comparison_rationales": "the judge's rationales for its comparisons of the two responses",
    "chosen_generator": "name of the model that wrote the chosen response",
    "rejected_generator": "the same for the rejected response",
    "generator": "name of the model that wrote the response",
    "generators": "name of the model that wrote each response",
    "judge": "name of the judge; of several judges, how they were combined",
    "source": "file (its name if its path is absolute) and line, or dataset and row, of the prompt",
    "metadata": "further columns of the source",
    "prompt_id": "id of the prompt",
    "pair_id": "id of the pair, the same in every export with the same two responses",
    "chosen_id": "id of the chosen response",
    "rejected_id": "id of the rejected response",
    "response_id": "id of the response",
    "response_ids": "id of each response",
    # Layouts of other projects.
    "messages": "the conversation before the response, or with it (verl)",
    "conversations": "turns before the response, as `from` and `value`",
    "system": "the system prompt",
    "context": "messages before the response",
    "completions": "the chosen response with rank 0 and the rejected one with rank 1",
    "data_source": "the name by which verl chooses a reward function",
    "ability": "verl's name for the kind of task",
    "reward_model": "the chosen response as `ground_truth`",
    "extra_info": "ids, score and origin",
}
_LOAD = 'from datasets import load_dataset\n{imports}\ndata = load_dataset("{address}")\n'
_TRAIN = 'trainer = {name}Trainer("MODEL", args={name}Config(output_dir="out"), train_dataset={rows})\ntrainer.train()\n'
# The trainer of each form: its import, and the lines that use it.
_TRAINERS: Mapping[str, tuple[str, str]] = {
    "preference": (
        "from trl import DPOConfig, DPOTrainer\n",
        _TRAIN.format(name="DPO", rows='data["train"]'),
    ),
    "unpaired": (
        "from trl import KTOConfig, KTOTrainer\n",
        _TRAIN.format(name="KTO", rows='data["train"]'),
    ),
    "reward": (
        "from trl import RewardConfig, RewardTrainer\n",
        _TRAIN.format(name="Reward", rows='data["train"]'),
    ),
    "soft": (
        "from trl import DPOConfig, DPOTrainer\n",
        "# Conservative DPO: the mean probability that a label is wrong.\n"
        'doubt = 1 - sum(data["train"]["probability"]) / len(data["train"])\n'
        'args = DPOConfig(output_dir="out", label_smoothing=doubt)\n'
        'trainer = DPOTrainer("MODEL", args=args, train_dataset=data["train"])\ntrainer.train()\n',
    ),
    "sft": (
        "from trl import SFTConfig, SFTTrainer\n",
        _TRAIN.format(name="SFT", rows='data["train"]'),
    ),
    "ranked": (
        "from trl import SFTConfig, SFTTrainer\n",
        "# Fine-tune on the best response of each prompt.\n"
        'best = data["train"].map(lambda row: {"completion": row["responses"][0]})\n'
        'best = best.select_columns(["prompt", "completion"])\n' + _TRAIN.format(name="SFT", rows="best"),
    ),
}
# The Hub's tags by form, beside those of all forms.
TAGS: Mapping[str, tuple[str, ...]] = {
    "preference": ("preference", "dpo"),
    "unpaired": ("preference", "kto"),
    "reward": ("preference", "reward-modeling"),
    "soft": ("preference", "dpo"),
    "sft": ("sft",),
    "ranked": ("preference", "ranking"),
}


def snippet(form: str, address: str) -> str:
    """Return a program that loads an export from its folder or from the Hub and trains a model on it with TRL."""
    imports, lines = _TRAINERS[form]
    return _LOAD.format(imports=imports, address=address) + lines
