"""Schemas that say more than the types they are made from: what the code checks beside them."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from chalicelib.definitions import MOST_TAGS
from chalicelib.errors import InvalidInput
from chalicelib.forms import Filter
from chalicelib.handlers.registry import JobType, Registry
from chalicelib.timing import KINDS

Schema = dict[str, Any]

REF = "#/components/schemas/{name}"


def completed(components: Mapping[str, Schema], registry: Registry, payloads: Mapping[str, Schema]) -> Schema:
    """payloads: by job type."""
    return {
        **components,
        **_submissions(components, registry, payloads),
        **_selections(components),
        **_definitions(components),
        **_partial(components),
    }


def _submissions(components: Mapping[str, Schema], registry: Registry, payloads: Mapping[str, Schema]) -> Schema:
    """One form of submission for each job type, with its own payload."""
    common = components["Submission"]
    forms = {
        f"Submit {name}": _submission(common, each, payloads[name]) for name, each in sorted(registry.all().items())
    }
    forms = {name.replace(" ", "_"): form for name, form in forms.items()}
    refs = [{"$ref": REF.format(name=name)} for name in forms]
    batch = copy.deepcopy(components["Batch"])
    batch["properties"]["jobs"]["items"] = {"oneOf": refs}
    alone = {"depends_on": {"items": {"type": "string"}}}  # it has no earlier ones whose places it could name
    return {"Submission": {"title": "Submission", "oneOf": refs, "properties": alone}, "Batch": batch, **forms}


def _submission(common: Schema, job_type: JobType, payload: Schema) -> Schema:
    form = copy.deepcopy(common)
    form["title"] = f"Submit {job_type.name}"
    form["description"] = job_type.description
    form["properties"]["job_type"] = {"const": job_type.name}
    form["properties"]["payload"] = payload
    if not _accepts_null(job_type):
        form["required"] = ["job_type", "payload"]
    return form


def _accepts_null(job_type: JobType) -> bool:
    try:
        job_type.decode(b"null")
    except InvalidInput:
        return False
    return True


def _selections(components: Mapping[str, Schema]) -> Schema:
    """What ``forms.Selection`` checks by itself: ids alone, or at least one condition."""
    conditions = [name for name in Filter.__struct_fields__ if name != "cursor"]
    either = [{"required": ["ids"], "properties": dict.fromkeys((*conditions, "cursor"), False)}]
    either += [{"required": [name], "properties": {"ids": False}} for name in conditions]
    return {name: {**components[name], "anyOf": either} for name in ("Cancellation", "Revival", "Transfer")}


def _definitions(components: Mapping[str, Schema]) -> Schema:
    """What ``timetable`` checks by itself: of a schedule's job, the schedule says when, one tag is its own, and it
    depends on no others."""
    job = {
        "allOf": [
            {"$ref": REF.format(name="Submission")},
            {
                "properties": {
                    "run_at": {"type": "null"},
                    "delay_seconds": {"const": 0},
                    "tags": {"maxItems": MOST_TAGS},
                    "unique": {"type": "null"},
                    "depends_on": {"maxItems": 0},
                    "if_dependency_fails": {"const": "fail"},
                }
            },
        ]
    }
    names = ("Definition", "NamedDefinition")
    forms = {name: {**components[name], "properties": {**components[name]["properties"], "job": job}} for name in names}
    return {name: {**form, "oneOf": _kinds()} for name, form in {**forms, "Preview": components["Preview"]}.items()}


def _kinds() -> list[Schema]:
    """Exactly one of the fields that say when."""
    return [
        {
            "required": [kind],
            "properties": {name: {"not": {"type": "null"}} if name == kind else {"type": "null"} for name in KINDS},
        }
        for kind in KINDS
    ]


def _partial(components: Mapping[str, Schema]) -> Schema:
    whole = components["JobView"]
    return {"PartialJob": {**whole, "title": "PartialJob", "required": []}}


def for_browsers(value: Any) -> Any:
    """An end that Python spells ``Z``, after a backslash, is ``$`` in ECMAScript's patterns, which are JSON Schema's."""
    match value:
        case dict():
            return {
                name: re.sub(r"\\Z$", "$", part) if name == "pattern" and isinstance(part, str) else for_browsers(part)
                for name, part in value.items()
            }
        case list():
            return [for_browsers(part) for part in value]
        case _:
            return value
