"""Pairings for tests of exports: from a table of scores, or as many pairs as needed."""

from pathlib import Path
from typing import Any

from rlaif.store.store import Store
from tests.support.stores import GENERATOR, JUDGE, context, criteria, fill, make_pairs

TABLE: dict[str, list[dict[str, Any]]] = {
    "one": [{"text": "good", "help": 5}, {"text": "fair", "help": 3}, {"text": "bad", "help": 1}],
    "two": [{"text": "yes", "help": 4}, {"text": "no", "help": 2}],
    "tied": [{"text": "this", "help": 3}, {"text": "that", "help": 3}],
    "lone": [{"text": "only", "help": 3}, {"text": "silent", "help": "timeout"}],
}


def made(store: Store, folder: Path, table: dict[str, Any] = TABLE, **options: Any) -> str:
    """The pairing of a table of scores."""
    fill(store, table)
    return make_pairs(context(store, folder, pair=options), JUDGE, [GENERATOR], criteria({"help": (1, 5)})).key


def many(store: Store, pairs: int) -> str:
    """A pairing of so many pairs, made in SQL: enough for several threads to share the work."""
    store.run(f"""
        INSERT INTO prompts BY NAME SELECT 'p' || n AS key, 'p' || n AS normal_key, n AS position, n % 10000 AS bucket,
            '[{{"role": "user", "content": "Question ' || n || '?"}}]' AS messages FROM range({pairs}) AS rows (n);
        INSERT INTO active_prompts SELECT key FROM prompts;
        INSERT INTO responses BY NAME SELECT side || n AS key, 'p' || n AS prompt, 'g' AS generator, side || n AS answer,
            'Answer ' || md5(n || side) AS text, 'stop' AS finish FROM range({pairs}) AS rows (n), (VALUES ('c'), ('r')) AS sides (side);
        INSERT INTO pairings VALUES ('k', '{{"judge": "j", "generators": ["g"], "strategy": "s", "settings": {{}}}}', now()::TIMESTAMP, 'r', 1, NULL);
        INSERT INTO pairs SELECT 'k', 'p' || n, 'c' || n, 'r' || n, n % 7, NULL FROM range({pairs}) AS rows (n);
    """)
    return "k"
