"""Load a pipeline file: apply overrides, check names, and resolve paths relative to the folder of the file."""

import shlex
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from rlaif.config import overrides as override
from rlaif.config import secrets
from rlaif.config.code import refuse_code
from rlaif.config.models import OpenAIModel, ServerFile
from rlaif.config.pipeline import Pipeline
from rlaif.config.resources import find
from rlaif.config.validation import validate
from rlaif.config.yaml import YamlFile, did_you_mean, read_yaml
from rlaif.core.errors import InputError


class Config:
    """A pipeline and its file. Paths in the pipeline are relative to the file's folder."""

    def __init__(self, pipeline: Pipeline, file: YamlFile, overrides: Sequence[str] = ()) -> None:
        self.pipeline, self.file, self.overrides = pipeline, file, tuple(overrides)
        # Relative to the file's folder, like all other paths in it, so that the same command works from any folder.
        self.out = self._out()
        _check_names(pipeline, file)
        for model in pipeline.models.values():
            if isinstance(model, OpenAIModel) and isinstance(model.base_url, ServerFile):
                model.base_url.beside(file.path.parent)

    def _out(self) -> Path:
        try:
            return (self.file.path.parent / self._written_out).resolve()
        except (ValueError, OSError, RuntimeError) as error:
            where = self.file.where(("out",))
            raise InputError(f"{self.pipeline.out!r} is not the name of a folder: {error}", where=where) from None

    @property
    def _written_out(self) -> Path:
        return Path(self.pipeline.out or f"runs/{self.pipeline.name}").expanduser()

    @property
    def out_from_here(self) -> Path:
        """Return `out` relative to the working directory, as earlier versions of rlaif resolved it."""
        return self._written_out.resolve()

    @property
    def store_path(self) -> Path:
        return self.out / "store.duckdb"

    @property
    def batches(self) -> Path:
        """Return the folder with records of what was sent to Batch APIs."""
        return self.out / "batches"

    def task_folder(self, name: str) -> Path:
        """Return the folder for the results of an evaluation task."""
        return self.out / "tasks" / name

    @property
    def bench_folder(self) -> Path:
        """Return the folder with the results of `rlaif judge-bench`, one folder per benchmark."""
        return self.out / "judge-bench"

    def command(self, verb: str, *arguments: str) -> str:
        """Return the command line that runs `verb` with this pipeline and its overrides."""
        sets = [word for override in self.overrides for word in ("--set", override)]
        line = shlex.join(["rlaif", *verb.split(), str(self.file.path), *arguments, *sets])
        # A path that is not valid UTF-8 can be neither stored nor printed unchanged.
        return line.encode("utf-8", "backslashreplace").decode()

    def find(self, name: str, place: tuple[str | int, ...]) -> Path:
        """Return the path of a file that the pipeline names at `place` (see `resources.find` for where it looks)."""
        return find(name, self.file.path.parent, where=self.file.where(place))

    def changed(self, overrides: Sequence[str], *, allow_code: bool = False) -> "Config":
        """Return the pipeline with further overrides. Raises InputError."""
        file = replace(self.file, data=deepcopy(self.file.data))
        changed = config_of(file, overrides, allow_code=allow_code)
        return Config(changed.pipeline, file, (*self.overrides, *overrides))

    @property
    def judges(self) -> list[str]:
        """Return the judges of the judge stage, those of the pair stage first."""
        return self.pipeline.judge.by or list(self.pipeline.judges)


def short(path: Path) -> Path:
    """Return the path relative to the working directory if it is below that, else unchanged."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def load(path: Path, overrides: list[str] | None = None, *, allow_code: bool = False) -> Config:
    """Load the pipeline in a YAML file and apply `a.b=value` overrides.

    Settings that let models or trainers run other people's code need `allow_code`. Raises InputError, which says where the
    mistake is and how to fix it.
    """
    return config_of(read_yaml(path), overrides or (), allow_code=allow_code)


def config_of(file: YamlFile, overrides: Sequence[str] = (), *, allow_code: bool = False) -> Config:
    """Return the pipeline in a file that was read, as `load` does. The overrides are applied to the file's data."""
    for each in overrides:
        if any("\ud800" <= character <= "\udfff" for character in each):
            raise InputError("not UTF-8", where=f"--set {each.encode('utf-8', 'backslashreplace').decode()}")
        override.apply(file.data, each)
    pipeline = validate(Pipeline, file)
    secrets.refuse(file)
    if not allow_code:
        refuse_code(pipeline, file)
    return Config(pipeline, file, overrides)


def _check_names(pipeline: Pipeline, file: YamlFile) -> None:
    """Raise InputError if a name refers to a model or judge that does not exist."""
    models: list[tuple[tuple[str | int, ...], str | None]] = []
    if pipeline.generate:
        models.append((("generate", "model"), pipeline.generate.model))
        generators = enumerate(pipeline.generate.generators)
        models += [(("generate", "generators", place, "model"), each.model) for place, each in generators]
    if pipeline.train:
        models += [(("train", "model"), pipeline.train.model), (("train", "reference"), pipeline.train.reference)]
        models += [(("train", "rewards", place), each.model) for place, each in enumerate(pipeline.train.rewards)]
    models += [(("judges", name, "model"), judge.model) for name, judge in pipeline.judges.items()]
    models += [(("judges", name, "retrieval"), judge.retrieval) for name, judge in pipeline.judges.items()]
    judges = [(("judge", "by", index), name) for index, name in enumerate(pipeline.judge.by)]
    if pipeline.evaluate:
        recorded = pipeline.evaluate.models if isinstance(pipeline.evaluate.models, dict) else {}
        if pipeline.generate and pipeline.evaluate.base not in recorded:
            models.append((("evaluate", "base"), pipeline.evaluate.base))
        # Without a `generate` section, and for recorded models, judges may have come with the sources.
        listed = pipeline.evaluate.judges if pipeline.generate and not recorded else []
        judges += [(("evaluate", "judges", index), name) for index, name in enumerate(listed)]
    if pipeline.train:
        rewards = enumerate(pipeline.train.rewards)
        judges += [(("train", "rewards", place), each.judge) for place, each in rewards if each.judge]
    _check_scales(pipeline, file)
    _check_imported_judges(pipeline, file)
    for judge, place in _imported(pipeline, file):
        if judge in pipeline.judges:
            raise InputError(
                f"{judge!r} came with the data, and is a judge of this file too",
                where=file.where(place),
                fix="Call one of them otherwise: two judges of one name would be taken for each other.",
            )
    for kind, known, named in (("model", pipeline.models, models), ("judge", pipeline.judges, judges)):
        for place, name in named:
            if name is not None and name not in known:
                raise InputError(f"no {kind} is called {name!r}", where=file.where(place), fix=did_you_mean(name, known))


def _check_scales(pipeline: Pipeline, file: YamlFile) -> None:
    """Raise InputError if imported scores of one judge by one criterion are on different scales."""
    scales: dict[tuple[str, str], str] = {}
    for number, source in enumerate(pipeline.collect.sources):
        for at, scores in enumerate(source.scores):
            scale = f"{scores.low:g} to {scores.high:g}"
            known = scales.setdefault((scores.judge, scores.criterion), scale)
            if known != scale:
                raise InputError(
                    f"{scores.judge}'s {scores.criterion!r} goes from {scale} here, and from {known} in a source above",
                    where=file.where(("collect", "sources", number, "scores", at)),
                    fix="Call the judges or the criteria apart: their scores cannot be compared as they are.",
                )


def preferences_place(file: YamlFile, source: int, at: int) -> tuple[str | int, ...]:
    """Return the place of one entry of a source's preferences, which are a list or a single mapping."""
    place: tuple[str | int, ...] = ("collect", "sources", source, "preferences")
    return (*place, at) if (*place, at) in file.lines else place


def _check_imported_judges(pipeline: Pipeline, file: YamlFile) -> None:
    """Raise InputError if an imported judge has both scores and preferences: only one of them could make pairs."""
    scoring = {scores.judge for source in pipeline.collect.sources for scores in source.scores}
    for number, source in enumerate(pipeline.collect.sources):
        for at, preferences in enumerate(source.preferences):
            if preferences.judge in scoring:
                raise InputError(
                    f"{preferences.judge!r} has both scores and preferences, and only one of them can make pairs",
                    where=file.where((*preferences_place(file, number, at), "judge")),
                    fix="Give the two different names, such as 'human' and 'human votes'. Name one under `pair.judge` and "
                    "the other under `pair.agree`.",
                )


def _imported(pipeline: Pipeline, file: YamlFile) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Yield the judges that are imported with the data, and where the file names them."""
    for number, source in enumerate(pipeline.collect.sources):
        place = ("collect", "sources", number)
        for at, preferences in enumerate(source.preferences):
            yield preferences.judge, (*preferences_place(file, number, at), "judge")
        for at, scores in enumerate(source.scores):
            yield scores.judge, (*place, "scores", at, "judge")
