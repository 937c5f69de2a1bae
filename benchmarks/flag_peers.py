"""The Python SDKs of others, each in a virtual environment of its own: one flag, for a tenth of the users in the US,
without a network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Peer(NamedTuple):
    """What pip installs, in what its evaluator is written, and a program whose ASK, with c = context(unit, country), is
    the value. Where it can be asked in several ways, the fastest that takes a rule and a share."""

    package: str
    core: str
    program: str


PEERS = {
    "Eppo": Peer(
        "eppo-server-sdk",
        "Rust",
        """
import eppo_client
allocation = {
    "key": "us",
    "rules": [{"conditions": [{"attribute": "country", "operator": "ONE_OF", "value": ["US"]}]}],
    "splits": [{"variationKey": "on", "shards": [{"salt": "us", "ranges": [{"start": 0, "end": 1000}]}]}],
    "doLog": False,
}
flag = {
    "key": "checkout", "enabled": True, "variationType": "BOOLEAN", "totalShards": 10000,
    "variations": {"on": {"key": "on", "value": True}}, "allocations": [allocation],
}
document = {
    "createdAt": "2026-01-01T00:00:00.000Z", "format": "SERVER", "environment": {"name": "bench"},
    "flags": {"checkout": flag},
}
client = eppo_client.init(eppo_client.ClientConfig(
    api_key="none", assignment_logger=eppo_client.AssignmentLogger(), poll_interval_seconds=None,
    initial_configuration=eppo_client.Configuration(flags_configuration=json.dumps(document).encode()),
))
context = lambda unit, country: (unit, {"country": country})
ASK = 'client.get_boolean_assignment("checkout", c[0], c[1], False)'
""",
    ),
    "GrowthBook": Peer(
        "growthbook",
        "Python",
        """
from growthbook import GrowthBook
rule = {"condition": {"country": "US"}, "force": True, "coverage": 0.1, "hashAttribute": "id", "hashVersion": 2}
features = {"checkout": {"defaultValue": False, "rules": [rule | {"seed": "us"}]}}
def context(unit, country):
    return GrowthBook(features=features, attributes={"id": unit, "country": country})
ASK = 'c.eval_feature("checkout").value'
""",
    ),
    "flagd in the process": Peer(
        "openfeature-flagd-core",
        "Python",
        """
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
client = FlagdCore()
tenth = {"fractional": [["on", 10], ["off", 90]]}
client.set_flags({"flags": {"checkout": {
    "state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off",
    "targeting": {"if": [{"==": [{"var": "country"}, "US"]}, tenth, "off"]},
}}})
context = lambda unit, country: EvaluationContext(unit, {"country": country})
ASK = 'client.resolve_boolean_value("checkout", False, c).value'
""",
    ),
    "Unleash": Peer(
        "UnleashClient",
        "Rust",
        """
import tempfile
from UnleashClient import UnleashClient
from UnleashClient.cache import FileCache
cache = FileCache("bench", directory=tempfile.mkdtemp())
strategy = {
    "name": "flexibleRollout", "parameters": {"rollout": "10", "stickiness": "userId", "groupId": "us"},
    "constraints": [{"contextName": "country", "operator": "IN", "values": ["US"]}],
}
feature = {"name": "checkout", "enabled": True, "strategies": [strategy]}
cache.bootstrap_from_dict({"version": 1, "features": [feature]})
client = UnleashClient("http://127.0.0.1:1", "bench", cache=cache, disable_metrics=True, disable_registration=True)
client.initialize_client(fetch_toggles=False)
context = lambda unit, country: {"userId": unit, "properties": {"country": country}}
ASK = 'client.is_enabled("checkout", c)'
""",
    ),
    "Statsig": Peer(
        "statsig-python-core",
        "Rust",
        """
from statsig_python_core import DataStore, Statsig, StatsigOptions, StatsigUser
from statsig_python_core.data_store import DataStoreResponse
condition = {
    "type": "user_field", "targetValue": ["US"], "operator": "any", "field": "country",
    "additionalValues": {}, "isDeviceBased": False, "idType": "userID",
}
rule = {
    "name": "us", "passPercentage": 10, "conditions": ["us"], "returnValue": True, "id": "us", "salt": "us",
    "isDeviceBased": False, "idType": "userID",
}
gate = {
    "name": "checkout", "type": "feature_gate", "salt": "us", "enabled": True, "defaultValue": False, "rules": [rule],
    "isDeviceBased": False, "idType": "userID", "entity": "feature_gate",
}
specs = {
    "dynamic_configs": {}, "feature_gates": {"checkout": gate}, "layer_configs": {}, "condition_map": {"us": condition},
    "layers": {}, "has_updates": True, "time": 1, "id_lists": {}, "sdk_configs": {}, "sdk_flags": {},
    "experiment_to_layer": {},
}
class Store(DataStore):
    def get(self, key):
        return DataStoreResponse(result=json.dumps(specs), time=1)
options = StatsigOptions(
    data_store=Store(), disable_network=True, disable_all_logging=True, disable_country_lookup=True,
    output_log_level="none",
)
client = Statsig("secret-bench", options)
client.initialize().wait()
context = lambda unit, country: StatsigUser(user_id=unit, country=country)
ASK = 'client.check_gate(c, "checkout")'
""",
    ),
    "LaunchDarkly": Peer(
        "launchdarkly-server-sdk",
        "Python",
        """
import tempfile
from ldclient import Config, Context, LDClient
from ldclient.integrations import Files
rule = {
    "id": "us", "clauses": [{"attribute": "country", "op": "in", "values": ["US"], "contextKind": "user"}],
    "rollout": {"variations": [{"variation": 0, "weight": 10000}, {"variation": 1, "weight": 90000}]},
}
flag = {
    "key": "checkout", "version": 1, "on": True, "salt": "us", "variations": [True, False], "rules": [rule],
    "fallthrough": {"variation": 1}, "offVariation": 1, "targets": [], "prerequisites": [],
}
with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    json.dump({"flags": {"checkout": flag}}, file)
    file.flush()
    source = Files.new_data_source(paths=[file.name])
    client = LDClient(Config("bench", update_processor_class=source, send_events=False), start_wait=10)
context = lambda unit, country: Context.builder(unit).set("country", country).build()
ASK = 'client.variation("checkout", c, False)'
""",
    ),
    "Flagsmith": Peer(
        "flagsmith",
        "Python",
        """
from flagsmith import Flagsmith
feature = {"id": 1, "name": "checkout", "type": "STANDARD"}
def state(number, on):
    return {
        "id": number, "feature": feature, "enabled": on, "django_id": number, "feature_state_value": None,
        "featurestate_uuid": f"00000000-0000-0000-0000-00000000000{number}", "multivariate_feature_state_values": [],
    }
def rule(kind, *conditions, rules=()):
    return {"type": kind, "conditions": list(conditions), "rules": list(rules)}
country = {"operator": "EQUAL", "property_": "country", "value": "US"}
tenth = {"operator": "PERCENTAGE_SPLIT", "property_": None, "value": "10"}
segment = {
    "id": 1, "name": "us", "feature_states": [state(2, True)],
    "rules": [rule("ALL", rules=[rule("ALL", country), rule("ALL", tenth)])],
}
class Document:
    def get_environment(self):
        return {
            "id": 1, "api_key": "bench", "name": "bench", "updated_at": "2026-01-01T00:00:00+00:00",
            "feature_states": [state(1, False)], "identity_overrides": [],
            "project": {
                "id": 1, "name": "bench", "hide_disabled_flags": False, "segments": [segment],
                "organisation": {
                    "id": 1, "name": "bench", "feature_analytics": False, "stop_serving_flags": False,
                    "persist_trait_data": False,
                },
            },
        }
client = Flagsmith(offline_mode=True, offline_handler=Document())
context = lambda unit, country: (unit, {"country": country})
ASK = 'client.get_identity_flags(c[0], c[1]).is_feature_enabled("checkout")'
""",
    ),
    "ConfigCat": Peer(
        "configcat-client",
        "Python",
        """
import tempfile
from configcatclient import ConfigCatClient
from configcatclient.configcatoptions import ConfigCatOptions
from configcatclient.localfiledatasource import LocalFileFlagOverrides
from configcatclient.overridedatasource import OverrideBehaviour
from configcatclient.user import User
tenth = [{"p": 10, "v": {"b": True}}, {"p": 90, "v": {"b": False}}]
rule = {"c": [{"u": {"a": "Country", "c": 28, "s": "US"}}], "p": tenth}
config = {"p": {"s": "us"}, "f": {"checkout": {"t": 0, "v": {"b": False}, "r": [rule]}}}
with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
    json.dump(config, file)
overrides = LocalFileFlagOverrides(file.name, OverrideBehaviour.LocalOnly)
client = ConfigCatClient.get("bench", ConfigCatOptions(flag_overrides=overrides))
context = lambda unit, country: User(unit, country=country)
ASK = 'client.get_value("checkout", False, c)'
""",
    ),
    "Flipt": Peer(
        "flipt-client",
        "Rust",
        """
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from flipt_client import FliptClient
from flipt_client.models import ClientOptions
segment = {
    "key": "us", "name": "us", "description": "", "matchType": "ALL_SEGMENT_MATCH_TYPE",
    "constraints": [{
        "id": "1", "type": "STRING_CONSTRAINT_COMPARISON_TYPE", "property": "country", "operator": "eq", "value": "US",
    }],
}
flag = {
    "key": "checkout", "name": "checkout", "description": "", "enabled": True, "type": "VARIANT_FLAG_TYPE",
    "rollouts": [], "variants": [{"key": "on"}, {"key": "off"}],
    "rules": [{
        "id": "us", "rank": 1, "segmentOperator": "OR_SEGMENT_OPERATOR", "segments": [segment],
        "distributions": [
            {"ruleId": "us", "rollout": share, "variantId": key, "variantKey": key, "variantAttachment": ""}
            for key, share in (("on", 10), ("off", 90))
        ],
    }],
}
class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"namespace": {"key": "default"}, "flags": [flag]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = HTTPServer(("127.0.0.1", 0), Server)
Thread(target=server.serve_forever, daemon=True).start()
client = FliptClient(ClientOptions(url=f"http://127.0.0.1:{server.server_port}"))
context = lambda unit, country: (unit, {"country": country})
ASK = 'client.evaluate_variant("checkout", c[0], c[1]).variant_key == "on"'
""",
    ),
    "PostHog": Peer(
        "posthog",
        "Python",
        """
from posthog import Posthog
client = Posthog("bench", host="http://127.0.0.1:1", personal_api_key="none", send=False, enable_local_evaluation=False)
us = {"key": "country", "type": "person", "value": ["US"], "operator": "exact"}
group = {"properties": [us], "rollout_percentage": 10}
client.feature_flags = [{"id": 1, "key": "checkout", "active": True, "filters": {"groups": [group]}}]
context = lambda unit, country: (unit, {"country": country})
ASK = '''client.get_feature_flag(
    "checkout", c[0], person_properties=c[1], only_evaluate_locally=True, send_feature_flag_events=False)'''
""",
    ),
}
#: Both halves of a peer's program: around how it is asked.
BEFORE = "import json, sys, timeit\n"
AFTER = """
us, others = [[context(f"user-{i}", country) for i in range(2000)] for country in ("US", "DE")]
some = us[:100]
names = globals()
best = min(timeit.repeat(f"for c in some: {ASK}", number=1, repeat=int(sys.argv[1]), globals=names)) / len(some)
ask = eval(f"lambda c: {ASK}")
print(json.dumps([best, sum(map(ask, us)) / len(us), sum(map(ask, others)) / len(others)]))
import os
sys.stdout.flush()
os._exit(0)
"""


def peer(name: str, folder: Path, rounds: int) -> tuple[list[float], str] | str:
    """Seconds, the share of the US and of others that get it, and the version; or why it did not run."""
    package, _, program = PEERS[name]
    python = str(folder / package / "bin" / "python")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", package]
    for command in ([sys.executable, "-m", "venv", str(folder / package)], pip):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["it could not be installed"])[-1]
    asked = f"from importlib.metadata import version; print(version({package!r}))"
    version = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()
    run = subprocess.run(
        [python, "-c", BEFORE + program + AFTER, str(rounds)], capture_output=True, text=True, check=False, timeout=300
    )
    if run.returncode:
        return (run.stderr.strip().splitlines() or ["it did not run"])[-1]
    numbers: list[float] = json.loads(run.stdout.splitlines()[-1])
    _, share, elsewhere = numbers
    if not 0.07 < share < 0.13 or elsewhere:
        return f"it gives the flag to {share:.1%} and to {elsewhere:.1%} elsewhere"
    return numbers, version
