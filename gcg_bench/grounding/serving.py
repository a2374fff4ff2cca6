"""The models on a server with the chat interface, and the request fields that it accepts."""

from dataclasses import replace
from typing import Any

from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.grounding.chat_server import ChatServer, ServerProblem
from gcg_bench.grounding.served import Served

_REFUSALS = (400, 404, 415, 422, 501)  # a server's answer to a field that it does not know
_TRIAL = 'Answer with the JSON object {"ok": true}.'
_TRIAL_TOKENS = 16
_TRIAL_SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}


def listed_model(server: ChatServer, served: str | None, option: str) -> dict[str, Any]:
    """The model that is asked, from the server's list.

    Args:
        server: the server.
        served: the name of the model; None when the server has only one.
        option: how the user names a model, for the message.

    Raises:
        EnvironmentProblem: no server answers, or it refuses the key.
        UnknownName: the server does not have the named model.
        BadOption: the server lists no model, or several.
    """
    models = server.models()
    ids = [str(model["id"]) for model in models]
    if served is not None:
        if models and served not in ids:
            raise UnknownName(f"model on {server.url}", served, ids)
        return next((model for model in models if model["id"] == served), {"id": served})
    if len(models) == 1:
        return models[0]
    known = f"lists {len(ids)} models: {', '.join(ids[:5])}" if ids else "lists no model"
    raise BadOption(f"{server.url} {known}. Name the model: {option}")


def accepted(server: ChatServer, served: Served, style: str) -> tuple[Served, bool]:
    """Asks one short question to learn which name of the limit's field and which schema it accepts.

    Raises:
        EnvironmentProblem: the server answers no question, or refuses the key.
    """
    schemas = {"auto": (_TRIAL_SCHEMA, None), "schema": (_TRIAL_SCHEMA,)}.get(style, (None,))
    for field in ("max_tokens", "max_completion_tokens"):
        for schema in schemas:
            trial = replace(served, limit=field, tokens=_TRIAL_TOKENS)
            try:
                server.complete(trial.body(_TRIAL, schema))
            except ServerProblem as error:
                if error.status not in _REFUSALS:
                    raise server.absence(error) from error
                problem = error
            else:
                return replace(served, limit=field), schema is not None
    raise server.absence(problem) from problem
