"""Commands about who may sign, and about anchors of the journal: people, anchor."""

import sys
from typing import Annotated

import typer

from auditor.cli.console import Json, actor, now, print_json, print_table, say, workspace

people = typer.Typer(help="Accounts of those who sign, review or administer.", no_args_is_help=True)


class PasswordError(ValueError):
    """A password that could not be asked for."""


def add_to(app: typer.Typer) -> None:
    app.add_typer(people, name="people")
    app.command()(anchor)


def ask_password(prompt: str, from_pipe: bool, *, twice: bool = False) -> str:
    """A password from the terminal, or one line of standard input. Raises PasswordError."""
    if from_pipe:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise PasswordError("A password is asked for on a terminal; in a script, give it with --password-stdin.")
    password: str = typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)
    return password


Pipe = Annotated[bool, typer.Option("--password-stdin", help="Read the password from a pipe.")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="viewer, reviewer, committee, engineer, admin.")]


@people.command()
def add(
    name: Annotated[str, typer.Argument(help="The name to log in with.")],
    full_name: Annotated[str, typer.Option(help="The name that stands beside a signature.")],
    role: Roles = None,
    password_stdin: Pipe = False,
) -> None:
    """Make an account; asks for its password twice."""
    from auditor.signing.people import add as add_person

    password = ask_password(f"New password of {name}", password_stdin, twice=True)
    add_person(workspace().ledger(), name, full_name, role or ["viewer"], password, actor(), now())
    say(f"{name}: {full_name}, {', '.join(role or ['viewer'])}.")


@people.command("list")
def listed(as_json: Json = False) -> None:
    """Show every account, closed ones too."""
    import sqlalchemy as sa

    from auditor.signing.people import LOCKED_AFTER
    from auditor.store import tables as t

    rows = workspace().ledger().read(sa.select(t.users).order_by(t.users.c.name))
    if as_json:
        print_json([{k: v for k, v in row.items() if k != "credential"} for row in rows])
        return

    def state(active: bool, failures: int) -> str:
        return "closed" if not active else "locked" if failures >= LOCKED_AFTER else "open"

    print_table(
        "",
        ("name", "full name", "roles", "state", "changed"),
        [
            (
                row["name"],
                row["full_name"],
                ", ".join(row["roles"]),
                state(row["active"], row["failures"]),
                f"{row['changed_at']:%Y-%m-%d}",
            )
            for row in rows
        ],
    )


@people.command()
def password(name: Annotated[str, typer.Argument(help="The account.")], password_stdin: Pipe = False) -> None:
    """Set a new password; it also opens a locked account."""
    from auditor.access.sessions import revoke_all
    from auditor.signing.people import set_password

    new = ask_password(f"New password of {name}", password_stdin, twice=True)
    ledger = workspace().ledger()
    set_password(ledger, name, new, actor(), now())
    revoke_all(ledger, name)  # whoever knew the old one is logged in no longer
    say(f"{name} has a new password.")


@people.command()
def change(
    name: Annotated[str, typer.Argument(help="The account.")],
    role: Roles = None,
    close: Annotated[bool, typer.Option("--close", help="Nobody can sign with it any more.")] = False,
    open_again: Annotated[bool, typer.Option("--open", help="Open a closed account.")] = False,
) -> None:
    """Give other roles, or close an account; it is never deleted, since signatures name it."""
    from auditor.signing.people import PeopleError
    from auditor.signing.people import change as change_person

    if close and open_again:
        raise PeopleError("An account is closed or opened, not both.")
    active = False if close else True if open_again else None
    change_person(workspace().ledger(), name, actor(), now(), roles=role, active=active)
    say(f"{name} is changed.")


def anchor(
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Make a signing key where the old one is lost.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Sign the newest entry of the journal and append it to a file outside the workspace.

    It is done after every audit, report and sign-off too. Copy the file to where nobody can change it: a rewritten
    journal is then seen by 'auditor verify'.
    """
    from dataclasses import asdict

    from auditor.signing.anchors import append, make_anchor
    from auditor.signing.keys import known
    from auditor.signing_key import make_key, read_key

    place = workspace()
    ledger = place.ledger()
    key = make_key(place.signing_key_file) if new_key else read_key(place.signing_key_file)
    known(ledger, key, actor(), now())
    made = make_anchor(ledger, place.identity, key, now())
    fresh = append(place.anchor_file, made)
    if as_json:
        print_json(asdict(made) | {"file": str(place.anchor_file), "appended": fresh})
        return
    said = "anchored" if fresh else "anchored before"
    say(f"Entry {made.entry:,} {made.head[:16]} {said} in {place.anchor_file}.\nPublic key: {made.public}")
