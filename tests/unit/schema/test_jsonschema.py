"""The JSON Schema that editors use."""

from __future__ import annotations

import jsonschema_rs
import yaml

from fader.schema.jsonschema import json_schema

WRITTEN = """
services:
  shop:
    listen: 127.0.0.1:8080
    hosts: shop.example.com
    unit: [{header: x-user-id}, {cookie: fader_uid, issue: true}]
    versions: {v1: http://127.0.0.1:9001, v2: [http://127.0.0.1:9002], v3: {endpoints: [http://a], http2: true}}
    baseline: v1
    exclude: [{path: /healthz}]
    health: /up
metrics:
  errors: {kind: proportion, of: requests, where: "status >= 500", better: lower}
  latency: {kind: quantile, q: 0.95, of: requests, value: duration_ms, better: lower}
rollouts:
  shop-v2:
    service: shop
    candidate: v2
    stages: [5%, {share: 10%, bake: 1h, gate: manual}, 100%]
    guardrails: {errors: {tolerate: 0.2pp}, latency: 10%}
    if_undecided: {after: 24h, then: hold}
"""


def valid(document: object) -> bool:
    return bool(jsonschema_rs.validator_for(json_schema()).is_valid(document))


def test_what_is_written_in_every_short_form_is_valid() -> None:
    assert valid(yaml.safe_load(WRITTEN))


def test_unknown_keys_and_wrong_choices_are_not() -> None:
    document = yaml.safe_load(WRITTEN)
    document["rollouts"]["shop-v2"]["shield"] = "conect"
    assert not valid(document)
    document = yaml.safe_load(WRITTEN)
    document["services"]["shop"]["untis"] = []
    assert not valid(document)
