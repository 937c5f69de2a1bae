"""`notifications:` of fader.yaml: who is told what happens to rollouts."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, field_validator, model_validator

from fader.model.channel import Channel, Occasion
from fader.schema.duration import Duration, format_duration
from fader.schema.noun import Noun
from fader.schema.secret import SecretText
from fader.schema.suggest import did_you_mean, listed, quoted, wrong
from fader.schema.url import web_url

_URL_FIX = "write e.g. https://hooks.example.com/fader"
_OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)
#: What a channel hears of unless it says otherwise: what needs a person, and how it ends.
_USUAL: list[Occasion] = ["waiting", "held", "withdrawn", "rolled_back", "completed"]
#: Seconds.
_SHORTEST, _LONGEST = 0.1, 60.0


class PlainUrl(SecretText):
    """An address that is no secret, as it stands in the file."""

    text: str = ""

    def checked(self) -> PlainUrl:
        return self


class ChannelText(Noun):
    kind: Literal["webhook", "slack"] = "webhook"
    url: SecretText = Field(examples=["https://hooks.example.com/fader"])
    secret: SecretText | None = None
    on: list[Occasion] = Field(default=_USUAL, examples=[_USUAL])
    timeout: Duration = 10.0

    @field_validator("url", mode="before", json_schema_input_type=str | SecretText)
    @classmethod
    def _plain(cls, url: object) -> object:
        if not isinstance(url, str):
            return url
        secret = "the url holds a password", "write url: {env: NAME}; secrets do not stand in this file"
        web_url(url, _URL_FIX, secret)
        return PlainUrl.model_construct(text=url)

    @field_validator("secret", mode="before", json_schema_input_type=SecretText)
    @classmethod
    def _elsewhere(cls, secret: object) -> object:
        if isinstance(secret, str):
            fix = "put it into an environment variable of the server and write secret: {env: NAME}, or {file: NAME}"
            raise wrong("a secret does not stand in this file", fix)
        return secret

    @field_validator("on", mode="before", json_schema_input_type=list[Occasion])
    @classmethod
    def _known(cls, on: object) -> object:
        for i, word in enumerate(on if isinstance(on, list) else ()):
            if word not in _OCCASIONS:
                fix = did_you_mean(word, _OCCASIONS) if isinstance(word, str) else f"known are: {listed(_OCCASIONS)}"
                raise wrong(f"{quoted(word)} is nothing that is told", fix, (i,))
        if on == []:
            raise wrong("is empty: nothing would be told", f"name some of {listed(_OCCASIONS)}, or remove the channel")
        return on

    @field_validator("timeout")
    @classmethod
    def _patient(cls, timeout: float) -> float:
        if not _SHORTEST <= timeout <= _LONGEST:
            raise wrong(f"a timeout of {format_duration(timeout)} is outside 100ms to 1m", "write e.g. timeout: 10s")
        return timeout

    @model_validator(mode="after")
    def _of_slack(self) -> ChannelText:
        if self.kind == "slack" and isinstance(self.url, PlainUrl):
            fix = "put it into an environment variable of the server and write url: {env: SLACK_URL}, or {file: NAME}"
            raise wrong("the address of a Slack webhook is a secret, which does not stand in this file", fix, ("url",))
        if self.kind == "slack" and self.secret is not None:
            raise wrong("Slack checks no signature", "remove secret: the address itself is the secret", ("secret",))
        return self

    def to_model(self, name: str) -> Channel:
        secret = self.secret or SecretText.model_construct()
        return Channel(
            name=name,
            kind=self.kind,
            on=tuple(o for o in _OCCASIONS if o in self.on),
            url=self.url.text if isinstance(self.url, PlainUrl) else "",
            url_env=self.url.env,
            url_file=self.url.file,
            secret_env=secret.env,
            secret_file=secret.file,
            timeout=self.timeout,
        )
