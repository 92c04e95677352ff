"""Stateless commands: claims of a report, and judging pairs from a file."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from auditor.cli.console import Json, say

if TYPE_CHECKING:
    from auditor.model_settings import JudgeSetting


class LineError(ValueError):
    """A line of input that cannot be used."""


class OutputError(ValueError):
    """Results that cannot be written where they should go."""


SiteFiles = Annotated[
    list[Path] | None, typer.Option("--lexicon", help="A lexicon file of your site, on top of ours; repeatable.")
]


def add_to(app: typer.Typer) -> None:
    app.command()(claims)
    app.command()(judge)
    lexicon = typer.Typer(help="The words the rule engine knows.", no_args_is_help=True)
    lexicon.callback()(_lexicon)
    lexicon.command("check")(lexicon_check)
    app.add_typer(lexicon, name="lexicon")


def claims(
    file: Annotated[
        Path, typer.Argument(help="A report as text, or JSON lines with id and text; - reads a pipe.")
    ] = Path("-"),
    explain: Annotated[bool, typer.Option(help="Show the rule that fired for each claim.")] = False,
    lexicon: SiteFiles = None,
    as_json: Json = False,
) -> None:
    """Report text to claims, one JSON line a report (the output is JSON with and without --json)."""
    from auditor.claims import extract
    from auditor.claims.compile import site_lexicon

    known = site_lexicon(tuple(lexicon or ()))
    for record in _reports(file):
        found = [claim.as_dict(explain=explain) for claim in extract(record["text"], known)]
        _write_line(sys.stdout, {"id": record["id"], "claims": found})


def judge(
    task: Annotated[str, typer.Option(help="report, vqa, classification or retrieval.")],
    input: Annotated[Path, typer.Option(help="Pairs as JSON lines: id, reference, draft, …; - reads a pipe.")],
    output: Annotated[Path, typer.Option(help="Where to write one line a pair, in order; - prints.")],
    llm: Annotated[
        str | None, typer.Option(help="Ask this language model instead of the rules; texts go to --base-url.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="An OpenAI-compatible server, such as http://localhost:8000/v1.")
    ] = None,
    key_variable: Annotated[
        str | None, typer.Option(help="The environment variable that holds the server's key.")
    ] = None,
    lexicon: SiteFiles = None,
    as_json: Json = False,
) -> None:
    """Hold drafts against references without a workspace: one result a pair, in order."""
    from auditor.judges import for_task

    chosen = for_task(task, _judge_setting(llm, base_url, key_variable, lexicon or []))
    done = failed = 0
    with _whole_or_nothing(output) as target:
        for result in chosen.judge(_json_lines(input, needed=("id",))):
            _write_line(target, result)
            done += 1
            failed += result["status"] == "judge_failed"
    if str(output) != "-" and as_json:
        say(json.dumps({"judged": done - failed, "judge_failed": failed}))
    elif str(output) != "-":
        without = f", {failed:,} without a judgement" if failed else ""
        say(f"{done - failed:,} pairs judged{without} → {output}")


@contextmanager
def _whole_or_nothing(output: Path) -> Iterator[TextIO]:
    """Where to write: standard output, or a file beside `output` that takes its place when all is written."""
    if str(output) == "-":
        yield sys.stdout
        return
    if output.exists() and not output.is_file():  # a pipe or a device cannot be replaced
        with output.open("w", encoding="utf-8") as target:
            yield target
        return
    if not output.parent.is_dir():
        raise OutputError(f"There is no folder for {output}; create it first.")
    output = output.resolve()  # a link keeps pointing where it did
    beside = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with beside.open("w", encoding="utf-8") as target:
            yield target
        if output.exists():
            beside.chmod(output.stat().st_mode & 0o777)
        beside.replace(output)
    finally:
        beside.unlink(missing_ok=True)


def _judge_setting(
    llm: str | None, base_url: str | None, key_variable: str | None, lexicon: list[Path]
) -> "JudgeSetting | None":
    """The judge that the options name; None is the rules."""
    from pydantic import ValidationError

    from auditor.model_settings import LlmSetting, RulesSetting
    from auditor.settings import SettingsError, sentence_of

    if llm is None:
        if base_url is not None or key_variable is not None:
            raise SettingsError("--base-url and --key-variable belong to --llm MODEL; name the model.")
        return RulesSetting(lexicon=lexicon) if lexicon else None
    if lexicon:
        raise SettingsError("--lexicon belongs to the rules; leave out --llm.")
    if base_url is None:
        raise SettingsError("--llm needs --base-url, the address of the server that has the model.")
    try:
        return LlmSetting(model=llm, base_url=base_url, key_variable=key_variable)
    except ValidationError as error:
        raise SettingsError(f"The judge cannot be used: {sentence_of(error)}.") from None


def _lexicon() -> None:
    """The words the rule engine knows."""


def lexicon_check(
    files: Annotated[list[Path] | None, typer.Argument(help="Lexicon files of your site, on top of ours.")] = None,
    as_json: Json = False,
) -> None:
    """Validate the lexicon: every problem in one line; exit 0 when there is none."""
    from auditor import claims as package
    from auditor.claims.lexicon import SHIPPED
    from auditor.cli.console import print_json

    shipped = [Path(package.__file__).parent / f"{name}.yaml" for name in SHIPPED]
    problems = package.check(package.load([*shipped, *(files or ())]))
    if as_json:
        print_json({"ok": not problems, "problems": problems})
    else:
        for problem in problems:
            say(problem)
        say("The lexicon is sound." if not problems else f"{len(problems)} problems.")
    if problems:
        raise typer.Exit(1)


def _reports(file: Path) -> Iterator[dict[str, Any]]:
    """JSON lines where the first character is a brace, else the whole input as one report."""
    text = _read(file)
    if text.lstrip().startswith("{"):
        for record in _parse_lines(text.splitlines(), file, needed=("id", "text")):
            if not isinstance(record["text"], str):
                raise LineError(f"{file}: 'text' must be a string.")
            yield record
    else:
        yield {"id": file.stem if str(file) != "-" else "-", "text": text}


def _json_lines(file: Path, needed: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if str(file) == "-":
        yield from _parse_lines(sys.stdin, file, needed)
        return
    try:
        with file.open(encoding="utf-8") as lines:
            yield from _parse_lines(lines, file, needed)
    except UnicodeDecodeError:
        raise LineError(f"{file} is not UTF-8 text; convert it and try again.") from None


def _parse_lines(lines: Iterable[str], file: Path, needed: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    where = "standard input" if str(file) == "-" else str(file)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            raise LineError(f"{where}, line {number}: not a JSON object; write one object a line.") from None
        if not isinstance(record, dict):
            raise LineError(f"{where}, line {number}: not a JSON object; write one object a line.")
        for name in needed:
            if name not in record:
                raise LineError(f"{where}, line {number}: {name!r} is missing.")
        yield record


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise LineError(f"{file} is not UTF-8 text; convert it and try again.") from None


def _write_line(target: Any, value: Any) -> None:
    target.write(json.dumps(value, ensure_ascii=False) + "\n")
