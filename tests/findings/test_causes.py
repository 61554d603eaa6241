"""One cause is one finding: what is joined, what stays apart, and what becomes of ids, classes and waivers."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, Final

import pytest

import assay
from assay.findings.causes import join
from assay.findings.model import Class, Diagnosed, Finding, from_json
from assay.folders import top
from tests.findings.samples import event, evidence, exchange, finding, judge, ran, waiver

PACKAGE: Final = Path(assay.__file__).parent
STEPS: Final = ("create", "read", "update", "repeated-update")
"""What comes before the end of a check that is made for several steps."""
NAMED: Final = re.compile(r"[a-z]+(-[a-z]+)+")
CREATE, UPDATE, READ, DELETE = "create_inference1", "update_inference_spec", "get_inference", "delete_inference"
METRICS, PODS = "get_inference_workload_metrics", "get_inference_workload_pod_metrics"
PARTS = ("args", "command", "image", "labels", "probes")


def seen(check: str, operation: str = CREATE, location: str = "/response/status", **more: Any) -> Finding:
    return finding(check=check, operation=operation, location=location, **{"rule": None, "evidence": None, **more})


def refused(operation: str, location: str, said: str, rule: str = "maximum", status: int = 400) -> Finding:
    answer = evidence(response={"status": status, "headers": {}, "body": f'{{"message": "{said}"}}'})
    return seen("accepts-valid", operation, location, rule=rule, evidence=answer)


def hostile(kind: str, operation: str, said: str = "internal error") -> Finding:
    answer = evidence(response={"status": 500, "headers": {}, "body": f'{{"message": "{said}"}}'})
    return seen(f"hostile-{kind}", operation, "/response", evidence=answer)


RULE: Final = "storage/instance-names-unique"
VOLUMES: Final = ("pvc", "nfs", "git", "hostPath")

ONE_CAUSE = {
    "what one slow operation misses": [
        seen("slo", READ, "load", rule=rule, summary=f"misses {rule}") for rule in ("p50_ms", "p95_ms", "p99_ms")
    ],
    "one status for bad credentials, documented or not": [
        seen(
            "access-refusal-status", READ, summary="answers 400 instead of 401 to no Authorization header", rule="400"
        ),
        seen("access-refusal-status", READ, summary="answers 400 to a token that is garbage"),
    ],
    "bodies that are no JSON, in the words of the reader": [
        hostile("truncated", CREATE, "unexpected end"),
        hostile("comment", CREATE, "expecting value"),
        hostile("raw-line-break", CREATE, "invalid control character"),
    ],
    "deep bodies, of which the deepest are long, too": [
        hostile(f"{kind}-deep", CREATE) for kind in ("arrays-100", "objects-100", "arrays-50000", "objects-50000")
    ],
    "long bodies, of which some are deep": [
        hostile(kind, CREATE) for kind in ("long-name", "long-string", "many-entries", "arrays-50000-deep")
    ],
    "methods on all paths": [hostile("method-item-put", DELETE), hostile("method-metrics-post", METRICS)],
    "the plain request after many": [
        hostile("comment-next-request", READ),
        hostile("long-name-next-request", READ),
        hostile("type-text-next-request", READ),
    ],
    "a rule that is looked at nowhere": [
        seen("rule-enforced", CREATE, f"/body/spec/storage/{volume}/*/name", rule=RULE) for volume in VOLUMES
    ],
    "an answer without a body": [
        seen("status-documented", READ, "/response/status", rule="204"),
        seen("read-metadata", READ, "/response/body/projectId"),
        seen("read-echo", READ, "/response/body/spec"),
    ],
    "updates that a repetition undoes": [
        seen("repeated-update-stored", READ, f"/response/body/spec/{name}") for name in PARTS
    ],
    "a limit of a field, in both operations": [
        refused(CREATE, "/body/spec/args", "too long"),
        refused(UPDATE, "/body/spec/args", "too much"),
    ],
    "a value that is taken and then told": [
        seen("schema-enforced", CREATE, "/body/spec/imagePullPolicy", rule="enum"),
        seen("body-schema", READ, "/response/200/body/spec/imagePullPolicy", rule="enum"),
    ],
    "a value that nobody keeps": [
        seen("create-echo", CREATE, "/response/body/spec/workingDir"),
        seen("read-echo", READ, "/response/body/spec/workingDir"),
        seen("update-echo", UPDATE, "/response/body/spec/workingDir"),
    ],
    "a list that is lost, and its texts": [
        seen("update-echo", UPDATE, "/response/body/spec/environmentVariables"),
        seen("text-updated", READ, "/response/body/spec/environmentVariables/*/value/accents"),
        seen("text-updated", READ, "/response/body/spec/environmentVariables/*/value/a-tab"),
    ],
    "updates that are not stored": [
        *(seen("update-stored", READ, f"/response/body/spec/{part}") for part in PARTS),
        seen("parallel-update-lost", READ, "/response/body/spec/priorityClass"),
    ],
    "updates that lose the rest": [seen("update-bystander", READ, f"/response/body/spec/{part}") for part in PARTS],
    "one error for one section": [
        refused(CREATE, "/body/spec/environmentVariables/*/name", "value of 'A1' is missing", "minLength"),
        refused(CREATE, "/body/spec/environmentVariables/*/description", "value of 'B2' is missing", "type"),
    ],
    "measured for all alike": [
        seen("metrics-outside-range", METRICS, "/response/body"),
        seen("metrics-outside-range", PODS, "/response/body/measurements/*/values/*/timestamp"),
        seen("metrics-outside-range", METRICS, "/response/body", rule="csv"),
    ],
    "credentials that nobody looks at": [
        seen(f"access-{kind}", operation)
        for kind in ("no-token", "garbage", "wrong-key")
        for operation in (METRICS, PODS)
    ]
    + [seen("access-foreign", METRICS), seen("access-foreign", PODS)],
    "a stranger's rights": [seen("access-foreign", each) for each in (READ, UPDATE, DELETE)],
    "a status that the document forgot": [
        seen("status-documented", each, rule="415", cls=Class.GAP) for each in (CREATE, UPDATE)
    ],
    "an answer that is something else": [
        seen("body-schema", READ, f"/response/200/body/{name}", rule="required")
        for name in ("name", "createdAt", "clusterId", "projectId")
    ],
    "a pod that is not looked at": [
        seen("metrics-unknown-pod", PODS, "/path/podId"),
        seen("schema-enforced", PODS, "/path/podId", rule="format"),
    ],
    "errors that are no JSON": [
        seen("body-json", each, f"/response/{status}") for each in (READ, UPDATE) for status in (400, 404)
    ],
    "errors of another shape": [
        seen("body-schema", CREATE, f"/response/400/body/{name}", rule="required") for name in ("code", "message")
    ],
    "an answer to what should have been refused": [
        seen("access-no-token", READ, test="access/read/no-token"),
        seen("body-schema", READ, "/response/200/body/name", rule="required", test="access/read/no-token"),
    ],
    "one failure for all strange paths": [
        hostile("path-encoded-nul", METRICS),
        hostile("path-empty-id", READ),
    ],
    "bodies that are no objects, and are taken": [
        seen(f"hostile-top-level-{kind}-accepted", CREATE) for kind in ("array", "null", "string")
    ],
    "403 for 401": [
        seen("access-refusal-status", each, summary=f"answers 403 instead of 401 to {who}", rule=rule)
        for each, who, rule in ((CREATE, "no token", "403"), (READ, "no token", "403"), (READ, "garbage", None))
    ],
    "ids in capitals": [seen("id-in-capitals", each, cls=Class.GAP) for each in (READ, DELETE)],
    "one failure for a character": [hostile("nul-escape", CREATE), hostile("nul-in-name", CREATE)],
    "one failure for all large numbers": [hostile("integer-400-digits", CREATE), hostile("huge-exponent", CREATE)],
    "the data of another workload": [
        seen("read-metadata", READ, f"/response/body/{name}") for name in ("name", "workloadId")
    ],
    "a time that changes": [
        seen("read-metadata", READ, "/response/body/createdAt"),
        seen("update-metadata", UPDATE, "/response/202/body/createdAt"),
    ],
    "a value of another type, in what is told": [
        seen("body-schema", CREATE, "/response/202/body/spec/image", rule="type"),
        seen("body-schema", READ, "/response/200/body/spec/image", rule="nullable"),
        seen("create-echo", CREATE, "/response/body/spec/image"),
    ],
    "a plain request that is refused for its samples": [
        refused(METRICS, "/query/numberOfSamples", "too many samples"),
        refused(METRICS, "/body", "too many samples", rule="valid"),
    ],
    "a deletion of another": [seen("delete-neighbour", READ), seen("delete-takes-effect", READ)],
    "a workload that one operation does not know": [
        refused(METRICS, f"/query/{name}", "no such workload", status=410)
        for name in ("start", "end", "metricType", "n")
    ],
    "a target that stands still": [
        seen("stall", "all operations", "/load/stalls", cls=Class.ADVISORY),
        seen("slo", READ, "load", rule="p99_ms", summary="misses p99_ms (stalls: few answers are that late)"),
        seen("slo", CREATE, "load", rule="p99_ms", summary="misses p99_ms (stalls: few answers are that late)"),
    ],
    "an operation that grows slow": [
        seen("growth", READ, "/load/get/live", rule="live"),
        seen("slo", READ, "load", rule="p95_ms"),
        seen("slo", READ, "load", rule="p99_ms"),
    ],
}

APART = {
    "two fields": [
        refused(CREATE, "/body/spec/args", "bad request"),
        refused(CREATE, "/body/spec/image", "bad request"),
    ],
    "two keywords of one field": [
        seen("schema-enforced", CREATE, "/body/spec/image", rule="maxLength"),
        seen("schema-enforced", CREATE, "/body/spec/image", rule="type"),
    ],
    "two rules": [seen("rule-enforced", CREATE, f"/body/spec/{name}", rule=name) for name in ("args", "image")],
    "two values that are lost": [seen("read-echo", READ, f"/response/body/spec/{name}") for name in PARTS[:3]],
    "different credentials": [seen("access-no-token", DELETE), seen("access-expired", METRICS)],
    "two checks of samples": [seen("metrics-outside-range", METRICS), seen("metrics-out-of-order", METRICS)],
    "two missing properties": [
        seen("body-schema", READ, f"/response/200/body/{name}", rule="required") for name in ("name", "createdAt")
    ],
    "an odd answer that other requests get too": [
        seen("access-no-token", READ, test="access/read/no-token"),
        seen("body-schema", READ, "/response/200/body/name", rule="required", test="lifecycle/phases"),
    ],
    "a plain request that is refused for another reason": [
        refused(METRICS, "/query/numberOfSamples", "too many samples"),
        refused(METRICS, "/body", "no such type", rule="valid"),
    ],
    "refusals of two kinds": [
        seen("access-refusal-status", CREATE, summary="answers 400 to a token that is garbage"),
        seen("access-refusal-status", CREATE, summary="answers 404 instead of 401 to a token that is garbage"),
    ],
    "deep bodies and long texts": [
        hostile("arrays-100-deep", CREATE),
        hostile("long-string", CREATE),
    ],
    "a rule at two places": [
        seen("rule-enforced", CREATE, f"/body/spec/storage/{volume}/*/name", rule=RULE) for volume in VOLUMES[:2]
    ],
    "another status, and values that are lost": [
        seen("status-documented", READ, "/response/status", rule="203"),
        seen("read-echo", READ, "/response/body/spec/args"),
    ],
    "failures of two kinds": [hostile("path-encoded-nul", CREATE), hostile("query-bad-escape", CREATE)],
    "failures that say different things": [hostile("path-encoded-nul", READ), hostile("path-long", READ, "too deep")],
    "two slow operations": [seen("slo", operation, "load", rule="p50_ms") for operation in (READ, METRICS)],
    "slow beside standing still": [
        seen("stall", "all operations", "/load/stalls"),
        seen("slo", READ, "load", rule="p50_ms", summary="misses p50_ms"),
    ],
    "failed beside growing": [
        seen("growth", READ, "/load/get/live", rule="live"),
        seen("slo", READ, "load", rule="error_ratio"),
    ],
}


ENTRY: Final = "/body/spec/ports/*"
TRIED: Final = [f"{ENTRY}/{name}#{keyword}" for name in ("container", "protocol") for keyword in ("type", "enum")]


@pytest.mark.parametrize(("missed", "causes"), [(3, 1), (2, 2)])
def test_entries_of_a_list_that_are_not_looked_at(missed: int, causes: int) -> None:
    """Most of what was tried on them is one cause; half of it is as many as were missed."""
    found = [
        seen("schema-enforced", CREATE, location, rule=keyword)
        for location, _, keyword in (name.partition("#") for name in TRIED[:missed])
    ]
    assert len(join(found, {CREATE: {*TRIED, "/body/spec/args#type"}})) == causes


def test_a_share_of_what_nobody_knows_joins_nothing() -> None:
    """Experiments begin before the record of what was tried is at hand: they need each of these for itself."""
    found = [
        seen("schema-enforced", CREATE, location, rule=keyword)
        for location, _, keyword in (name.partition("#") for name in TRIED)
    ]
    assert len(join(found)) == len(TRIED)


def test_two_ways_of_failing_stay_apart_though_one_request_shares_both() -> None:
    deep = [hostile(f"{kind}-100-deep", CREATE) for kind in ("arrays", "objects")]
    both = [hostile(f"{kind}-50000-deep", CREATE) for kind in ("arrays", "objects")]
    long = [hostile(kind, CREATE) for kind in ("long-name", "long-string")]
    assert sorted(1 + len(each.symptoms) for each in join([*deep, *both, *long])) == [2, 4]


def test_most_of_rules_and_keywords_together() -> None:
    """Each kind for itself is too few to count."""
    rules = [seen("rule-enforced", CREATE, f"/body/spec/{name}", rule=f"area/{name}") for name in PARTS[:3]]
    keywords = [seen("schema-enforced", CREATE, f"/body/spec/{name}", rule="type") for name in PARTS[:3]]
    tried = {f"area/{name}" for name in PARTS[:3]} | {f"/body/spec/{name}#type" for name in PARTS[:3]}
    assert len(join([*rules, *keywords], {CREATE: tried})) == 1


@pytest.mark.parametrize("name", ONE_CAUSE)
def test_one_cause_is_one_finding(name: str) -> None:
    found = ONE_CAUSE[name]
    (one,) = join(found)
    assert {one.id, *(symptom.id for symptom in one.symptoms)} == {each.id for each in found}
    assert one.occurrences == sum(each.occurrences for each in found)
    assert join(reversed(found))[0].id == one.id  # whichever was seen first


@pytest.mark.parametrize("name", APART)
def test_other_causes_stay_apart(name: str) -> None:
    assert join(APART[name]) == APART[name]


def test_rules_are_one_cause_when_most_of_those_tried_are_broken() -> None:
    rules = [f"area/rule-{number}" for number in range(6)]
    broken = [seen("rule-enforced", UPDATE, f"/body/spec/{rule}", rule=rule) for rule in rules]
    (one,) = join(broken, {UPDATE: {*rules, "area/kept"}})
    assert (
        one.summary
        == "update_inference_spec does not check 6 rules: area/rule-0, area/rule-1, area/rule-2 and 3 more"
    )
    assert join(broken, {UPDATE: {*rules, *(f"area/kept-{number}" for number in range(6))}}) == broken


def test_keywords_are_one_cause_when_most_of_those_tried_are_not_checked() -> None:
    places = [f"/query/{number}" for number in range(6)]
    broken = [seen("schema-enforced", METRICS, place, rule="format") for place in places]
    tried = {f"{place}#format" for place in places}
    assert len(join(broken, {METRICS: {*tried, "area/a-rule-that-it-keeps"}})) == 1
    assert join(broken, {METRICS: {*tried, *(f"/query/{number}#format" for number in range(10, 16))}}) == broken


def test_the_verdict_knows_what_was_tried() -> None:
    rules = [f"area/rule-{number}" for number in range(6)]
    broken = [seen("rule-enforced", UPDATE, f"/body/spec/{rule}", rule=rule) for rule in rules]
    kept = [f"area/kept-{number}" for number in range(6)]
    tried = [exchange(UPDATE, 202, rules=[[rule, "reject"]]) for rule in rules]
    more = [exchange(UPDATE, 400, rules=[[rule, "reject"]]) for rule in kept]
    assert len(judge(ran(outcome="failed"), *tried, *map(event, broken)).findings) == 1
    assert len(judge(ran(outcome="failed"), *tried, *more, *map(event, broken)).findings) == 6


def test_what_is_nearest_to_the_mistake_speaks_for_all() -> None:
    (told,) = join(ONE_CAUSE["a value that is taken and then told"])
    assert (told.check, told.operation) == ("schema-enforced", CREATE)
    (wide,) = join(ONE_CAUSE["updates that are not stored"])
    assert (
        wide.summary
        == "what an update sets is not what is told afterwards, in 6 parts: args, command, image and 3 more"
    )
    (open_door,) = join(ONE_CAUSE["credentials that nobody looks at"])
    assert open_door.summary.endswith(", and to 2 other kinds of bad credentials")


def test_of_forged_tokens_the_plainest_speaks() -> None:
    (told,) = join([seen(f"access-{kind}", READ) for kind in ("token-as-basic", "expired", "wrong-key", "alg-none")])
    assert told.check == "access-wrong-key"


def test_a_cause_weighs_as_much_as_the_heaviest_of_its_symptoms() -> None:
    (still,) = join(ONE_CAUSE["a target that stands still"])
    assert (still.check, still.cls) == ("stall", Class.VIOLATION)


def test_the_verdict_counts_causes_and_keeps_what_they_explain() -> None:
    found = [
        finding_of(each, name) for name, each in zip(("a", "b"), APART["two values that are lost"][:2], strict=True)
    ]
    verdict = judge(ran("tests/a", "failed"), ran("tests/b", "failed"), *map(event, found))
    assert len(verdict.findings) == 2
    one = ONE_CAUSE["a value that nobody keeps"]
    verdict = judge(ran("tests/a", "failed"), exchange(), *map(event, one))
    (cause,) = verdict.findings
    assert [symptom["kind"] for symptom in verdict.to_json()["findings"][0]["symptoms"]] == [
        "update-echo",
        "read-echo",
    ]
    assert from_json(verdict.to_json()["findings"][0]).symptoms == cause.symptoms


def finding_of(each: Finding, test: str) -> Finding:
    return Finding(**{**{name: getattr(each, name) for name in each.__slots__}, "test": f"tests/{test}"})


def test_a_waiver_of_the_cause_covers_what_it_explains_and_one_of_a_symptom_only_that() -> None:
    found = ONE_CAUSE["a value that nobody keeps"]
    first, *_ = join(found)
    tests = [ran("tests/a", "failed")]
    assert [each.waived for each in judge(*tests, *map(event, found), waivers=[waiver(first)]).findings] == [True]
    symptom = next(each for each in found if each.check == "read-echo")
    rest, waived = judge(*tests, *map(event, found), waivers=[waiver(symptom)]).findings
    assert (rest.id, rest.waived, len(rest.symptoms)) == (first.id, False, 1)
    assert (waived.id, waived.waived) == (symptom.id, True)


def test_every_check_that_is_joined_is_made_somewhere() -> None:
    """A check that is renamed would fall apart into its findings again, and nothing else would say so."""
    folders = (*(PACKAGE / name for name in ("checks", "load", "findings")), top("contract_tests"))
    sources = [file for folder in folders for file in folder.rglob("*.py")]
    joins = {PACKAGE / "findings" / f"{name}.py" for name in ("causes", "relations")}
    said = {text for file in sources if file not in joins for text in texts(file)}
    joined = {text for file in joins for text in texts(file) if NAMED.fullmatch(text)}
    assert len(joined) > 30
    made = said | {f"{text}{end}" for text in STEPS for end in said if end.startswith("-")}
    begun = {text for text in said if text.endswith("-")}
    made |= {f"{beginning}{text.replace(' ', '-')}" for beginning in begun for text in said}
    assert joined - made == set()


def texts(file: Path) -> set[str]:
    """Every text in a source file, those between the holes of formatted ones too."""
    parsed = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {node.value for node in parsed if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_what_the_experiments_have_shown_joins_and_is_said_where_no_place_is_named() -> None:
    plain = refused(METRICS, "/body", "no such type", rule="valid")
    typed = refused(METRICS, "/query/start", "no such start", rule="format")
    other = refused(METRICS, "/query/end", "no such end", rule="format")
    same = Diagnosed("refused range", "with another range of time it is answered as it should be")
    found = {each.location: each for each in join([plain, typed, other], {}, {plain.id: same, typed.id: same})}
    assert set(found) == {"/query/start", "/query/end"}
    assert found["/query/start"].why.endswith(f"By experiment: {same.says}.")
    (alone,) = join([plain], {}, {plain.id: same})
    assert alone.summary.endswith(f": {same.says}")
