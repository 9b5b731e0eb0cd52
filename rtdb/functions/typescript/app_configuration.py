"""What ``auth.config.js`` and ``convex.config.js`` say, by the JSON that they export (typescript-runtime §15-16)."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from rtdb.errors import BadRequestError
from rtdb.functions.app_load_error import AppLoadError, load_error
from rtdb.functions.description import VariableDescription
from rtdb.schema.validator_json import validator_from_json
from rtdb.schema.validators import LiteralValidator, ScalarValidator, UnionValidator, Validator

__all__ = ["declared_variables", "identity_providers"]

INVALID_AUTH: Final = "The pushed auth config is invalid: "


class _OpenIdProvider(msgspec.Struct, rename={"application_id": "applicationID"}, forbid_unknown_fields=True):
    """A provider that says at its domain which keys it signs with."""

    domain: str
    application_id: str
    type: Literal["oidc"] | msgspec.UnsetType = msgspec.UNSET


class _JwtProvider(msgspec.Struct, rename={"application_id": "applicationID"}, forbid_unknown_fields=True):
    """A provider whose keys are at an address of their own."""

    type: Literal["customJwt"]
    issuer: str
    jwks: str
    algorithm: Literal["RS256", "ES256"]
    application_id: str | None = None


class _AuthConfig(msgspec.Struct):
    providers: list[msgspec.Raw]


class _Kind(msgspec.Struct):
    type: str | None = None


def identity_providers(text: str) -> list[dict[str, Any]]:
    """Return the providers of identities that an auth config names, in the form in which they are stored. Raises
    AppLoadError."""
    try:
        providers = msgspec.json.decode(text, type=_AuthConfig).providers
    except msgspec.DecodeError as error:
        raise _invalid_auth(str(error)) from error
    found: list[dict[str, Any]] = []
    for number, provider in enumerate(providers):
        try:
            is_jwt = msgspec.json.decode(provider, type=_Kind).type == "customJwt"
            read = msgspec.json.decode(provider, type=_JwtProvider if is_jwt else _OpenIdProvider)
        except msgspec.DecodeError as error:
            raise _invalid_auth(f"providers[{number}]: {error}") from error
        found.append({name: value for name, value in msgspec.to_builtins(read).items() if name != "type" or is_jwt})
    return found


def _invalid_auth(reason: str) -> AppLoadError:
    return load_error(
        f"{INVALID_AUTH}auth config file must include a list of provider credentials: {reason}. A provider is "
        '`{domain, applicationID}`, or `{type: "customJwt", issuer, jwks, algorithm, applicationID}`.',
        code="AuthConfigNotMatchingSchemaError",
    )


class _Declaration(msgspec.Struct):
    value: str
    optional: bool = False


class _Child(msgspec.Struct):
    name: str = "?"


class _Definition(msgspec.Struct, rename="camel"):
    child_components: list[_Child] = []
    env_vars: list[tuple[str, _Declaration]] | None = None
    http_prefix: str | None = None


def declared_variables(text: str) -> list[VariableDescription] | None:
    """Return the environment variables that an app's definition declares, None if it says nothing of them.

    Raises AppLoadError, also for what there is not yet: components, and a prefix of HTTP routes.
    """
    try:
        definition = msgspec.json.decode(text, type=_Definition)
    except msgspec.DecodeError as error:
        raise load_error(f"convex.config.js does not export an app: {error}", code="InvalidDefinition") from error
    if definition.child_components:
        names = ", ".join(child.name for child in definition.child_components)
        raise load_error(
            f"convex.config.ts uses components ({names}), which this server does not have yet.",
            code="ComponentsNotSupported",
        )
    if definition.http_prefix not in (None, "/"):
        raise load_error(
            "convex.config.ts sets `httpPrefix`, which this server does not know yet: leave it out, and write it "
            "into the paths of the routes.",
            code="InvalidDefinition",
        )
    if definition.env_vars is None:
        return None
    for name, declaration in definition.env_vars:
        if not _is_of_strings(_validator(name, declaration)):
            raise load_error(
                f"Env var `{name}` on the app has a non-string validator. Component env vars must be declared with "
                '`v.string()`, `v.literal("...")`, or a union of those.',
                code="InvalidEnvVarDeclaration",
            )
    return [
        VariableDescription(name, declaration.value, declaration.optional) for name, declaration in definition.env_vars
    ]


def _validator(name: str, declaration: _Declaration) -> Validator:
    try:
        return validator_from_json(msgspec.json.decode(declaration.value))
    except (BadRequestError, msgspec.DecodeError) as error:
        raise load_error(f"Env var `{name}` on the app: {error}", code="InvalidEnvVarDeclaration") from error


def _is_of_strings(validator: Validator) -> bool:
    match validator:
        case ScalarValidator():
            return validator == ScalarValidator("string")
        case LiteralValidator():
            return isinstance(validator.value, str)
        case UnionValidator():
            return all(map(_is_of_strings, validator.members))
        case _:
            return False
