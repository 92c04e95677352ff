"""`notices` and `alerts` in audit.yaml: who is told of what, how soon, and how long an answer may take."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from auditor.model_settings import Strict
from auditor.schedule_settings import Cron

Severity = Literal["watch", "act", "stale", "failed"]

#: Where a secret is kept; never the secret itself, since settings are recorded.
Secret = Annotated[str, StringConstraints(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]


class Channel(Strict):
    """One way to tell somebody."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    address: Secret  # where the address is kept: of mail, Teams, Slack … as apprise writes it, or of the webhook
    kind: Literal["apprise", "webhook"] = "apprise"
    secret: Secret | None = None  # webhook: the key of its signature
    at_once: list[Severity] = ["act", "failed", "stale"]
    in_digest: list[Severity] = ["watch"]

    @model_validator(mode="after")
    def _webhooks_are_signed(self) -> Self:
        if (self.kind == "webhook") != (self.secret is not None):
            raise ValueError("a webhook needs a secret (env:NAME or file:PATH) for its signature, and only it")
        return self


class Notices(Strict):
    """Who is told."""

    dashboard: str = ""  # the address that links in notices begin with
    channels: list[Channel] = []
    digest: Cron = "0 7 * * mon"  # when what needs no immediate answer is told, in the system's zone
    escalate_to: list[str] = []  # channels that are told of what nobody acknowledged in time

    @model_validator(mode="after")
    def _channels_are_known(self) -> Self:
        names = [one.name for one in self.channels]
        if len(set(names)) < len(names):
            raise ValueError("two channels have the same name")
        if unknown := sorted(set(self.escalate_to) - set(names)):
            raise ValueError(f"escalate_to names {unknown[0]}, which is no channel")
        return self


class AlertRules(Strict):
    """How long somebody may take to answer, and when an alert comes back."""

    acknowledge_hours: dict[Severity, Annotated[float, Field(gt=0)]] = {}
    quiet_after: Annotated[int, Field(ge=1)] = 2  # audits in a row without the trouble, before it counts as gone
    cool_down_days: Annotated[int, Field(ge=0)] = 28  # after it was resolved, the same trouble opens nothing

    def hours(self, severity: str) -> float:
        """Within how many hours an alert must be acknowledged: a day, or two weeks where it is only to watch."""
        asked: dict[str, float] = {str(name): hours for name, hours in self.acknowledge_hours.items()}
        return asked.get(severity, 14 * 24.0 if severity == "watch" else 24.0)
