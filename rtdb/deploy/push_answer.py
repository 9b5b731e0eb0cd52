"""What the official CLI is answered in the steps of a push (cli-endpoints §6).

It generates code from the analysis, of which all functions of the app are a part, whatever their language; it prints
the changes of indexes; and it gives everything back in the next step.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import msgspec

from rtdb.deploy.staged_deploy import StagedDeploy
from rtdb.functions.description import CronDescription, Description, FunctionDescription
from rtdb.functions.description_change import DescriptionChange, IndexChange
from rtdb.typescript.module_set import ModuleSet
from rtdb.values.function_path import parse_function_path

__all__ = ["evaluated_schema", "finished_push", "schema_change", "started_push"]

Json = dict[str, Any]

ROOT = ""
"""The path of the app among components, of which it is the only one."""


def started_push(push: str, deploy: StagedDeploy, modules: ModuleSet) -> Json:
    """Return the answer to the start of a push, whose name is ``push``."""
    description = deploy.description
    return {
        # The values of environment variables are nothing to send around: changes are noticed here.
        "environmentVariables": {},
        "externalDepsId": None,
        "componentDefinitionPackages": {},
        "appAuth": description.auth or [],
        "analysis": {
            ROOT: {
                "definition": _definition(description),
                "schema": description.schema,
                "functions": _modules(description, modules),
                "udfConfig": {
                    "serverVersion": modules.server_version,
                    "importPhaseRngSeed": {"$bytes": _base64(bytes.fromhex(modules.import_seed))},
                    "importPhaseUnixTimestamp": {"$integer": _base64(modules.import_ns.to_bytes(8, "little"))},
                },
            }
        },
        "app": {
            "definitionPath": ROOT,
            "componentPath": ROOT,
            "args": {},
            "childComponents": {},
            "httpRoutes": {
                "httpModuleRoutes": None
                if description.routes is None
                else [{"method": route.method, "path": route.path} for route in description.routes],
                "mounts": [],
            },
            "exports": {},
        },
        "schemaChange": schema_change(push, deploy.change),
    }


def schema_change(push: str, change: DescriptionChange) -> Json:
    """Return what changes of the schema; the name of the push is a part of it, since it comes back in every step."""
    return {
        "allocatedComponentIds": {},
        "schemaIds": {ROOT: None},
        "indexDiffs": {ROOT: _index_diff(change.indexes)},
        "pushId": push,
    }


def evaluated_schema(deploy: StagedDeploy, documents: dict[str, int]) -> Json:
    """Return what a push would do to the schema, where the tables that are there have so many documents."""
    indexes: list[Json] = []
    for index in deploy.change.indexes:
        of_table = {"numDocs": documents.get(index.table, 0)}
        if index.fields_before:
            dropped = {**_index(index, index.fields_before), "change": "dropped", "needsBackfill": False}
            indexes.append(dropped | of_table)
        if index.fields:
            added = {**_index(index, index.fields), "change": "added", "needsBackfill": True}
            indexes.append(added | of_table)
    schema = deploy.description.schema
    return {
        "componentSchemaEvaluations": {
            ROOT: {
                "definitionPath": ROOT,
                "schemaValidation": schema is not None and schema["schemaValidation"],
                "tables": [],
                "indexes": indexes,
            }
        },
        "newComponentDefinitions": [],
    }


def finished_push(deploy: StagedDeploy, before: ModuleSet | None, after: ModuleSet) -> Json:
    """Return what a push has changed, or would have."""
    change = deploy.change
    old = {} if before is None else {module.path: module.sha256 for module in before.modules}
    new = {module.path: module.sha256 for module in after.modules}
    auth_before, auth = _texts(deploy.before), _texts(deploy.description)
    version_before = None if before is None else before.server_version
    return {
        "authDiff": {"added": sorted(auth - auth_before), "removed": sorted(auth_before - auth)},
        "definitionDiffs": {},
        "componentDiffs": {
            ROOT: {
                "diffType": {"type": "modify"},
                "moduleDiff": {
                    "added": [path for path in sorted(new) if old.get(path) != new[path]],
                    "removed": [path for path in sorted(old) if new.get(path) != old[path]],
                },
                "udfConfigDiff": None
                if version_before in (None, after.server_version)
                else {"previous_version": version_before, "next_version": after.server_version},
                "cronDiff": {
                    "added": change.crons_added,
                    "updated": change.crons_changed,
                    "deleted": change.crons_removed,
                },
                "indexDiff": _index_diff(change.indexes),
                "schemaDiff": _schema_diff(deploy.before, deploy.description),
            }
        },
    }


def _texts(description: Description | None) -> set[str]:
    providers = [] if description is None or description.auth is None else description.auth
    return {msgspec.json.encode(provider, order="sorted").decode() for provider in providers}


def _schema_diff(before: Description | None, after: Description) -> Json | None:
    schemas = [None if described is None else described.schema for described in (before, after)]
    if schemas[0] == schemas[1]:
        return None
    texts = [None if schema is None else msgspec.json.encode(schema).decode() for schema in schemas]
    return {"previous_schema": texts[0], "next_schema": texts[1]}


def _definition(description: Description) -> Json:
    definition: Json = {
        "path": ROOT,
        "definitionType": {"type": "app"},
        "childComponents": [],
        "httpMounts": {},
        "exports": {"type": "branch", "branch": []},
    }
    if description.environment is not None:
        definition["envVars"] = [
            [variable.name, {"type": "value", "value": variable.validator, "optional": variable.optional}]
            for variable in description.environment
        ]
    return definition


# --- modules ----------------------------------------------------------------------------------------------------------


def _modules(description: Description, modules: ModuleSet) -> Json:
    """Return every module with what is in it: the developer's own, and those of other languages that have functions."""
    paths = {module.path for module in modules.modules if not module.path.startswith("_deps/")}
    functions: dict[str, list[Json]] = {path: [] for path in sorted(paths - _CONFIGURATION)}
    for function in description.functions:
        path = parse_function_path(function.path)
        functions.setdefault(f"{path.module}.js", []).append(_function(path.export, function))
    return {
        path: {
            "functions": found,
            "httpRoutes": [
                {"route": {"path": route.path, "method": route.method}, "pos": None}
                for route in description.routes or ()
            ]
            if path == "http.js"
            else None,
            "cronSpecs": [[cron.name, _cron(cron)] for cron in description.crons] if path == "crons.js" else None,
            "sourceMapped": None,
        }
        for path, found in functions.items()
    }


_CONFIGURATION = {"schema.js", "convex.config.js", "auth.config.js"}
"""Modules that are told of elsewhere."""


def _function(name: str, function: FunctionDescription) -> Json:
    position = function.position
    return {
        "name": name,
        "pos": None
        if position is None
        else {"path": position.path, "start_lineno": position.line, "start_col": position.column},
        "udfType": function.kind.capitalize(),
        "visibility": {"kind": "internal" if function.internal else "public"},
        "args": msgspec.json.encode(function.args).decode(),
        "returns": None if function.returns is None else msgspec.json.encode(function.returns).decode(),
    }


def _cron(cron: CronDescription) -> Json:
    path = parse_function_path(cron.path)
    return {
        "udfPath": f"{path.module}.js:{path.export}",
        "udfArgs": {"$bytes": _base64(msgspec.json.encode([cron.args]))},
        "cronSchedule": cron.schedule,
    }


# --- indexes ----------------------------------------------------------------------------------------------------------


def _index_diff(changes: Sequence[IndexChange]) -> Json:
    """An index whose fields change under its name is another one: it is dropped and created."""
    return {
        "added_indexes": [_index(change, change.fields) for change in changes if change.fields],
        "removed_indexes": [_index(change, change.fields_before) for change in changes if change.fields_before],
        "enabled_indexes": [],
        "disabled_indexes": [],
    }


def _index(change: IndexChange, fields: Sequence[str]) -> Json:
    return {"name": f"{change.table}.{change.name}", "type": "database", "fields": list(fields)}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
