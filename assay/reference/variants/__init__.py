"""Conforming variants: control planes that differ from the reference only where the contract leaves it open.

A suite that fails on one of these raises a false alarm. Each has a name, one sentence, and a change of behaviour;
several can be combined. What the contract leaves open, and how it is judged, stands in docs/conforming.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from assay.reference.behaviour import Change
from assay.reference.variants import answers, callers, demands, effects, entries, measuring

_SOON: Final = [(b"retry-after", b"1")]


@dataclass(frozen=True, slots=True)
class Variant:
    """A conforming way to be different."""

    name: str
    summary: str
    change: Change


def _choice(name: str, summary: str, **choices: Any) -> Variant:
    return Variant(name, summary, lambda behaviour: behaviour.choosing(**choices))


def _pace(name: str, summary: str, **seconds: float) -> Variant:
    return Variant(name, summary, lambda behaviour: replace(behaviour, pace=replace(behaviour.pace, **seconds)))


_LIFE: Final = (
    _pace("async-delete-slow", "A deletion takes 3 s in Deleting and 2 s in Terminating.", deleting=3, terminating=2),
    _choice("delete-at-once", "A deleted workload answers 404 right after the 202.", delete="at-once"),
    _choice("delete-kept", "A deleted workload stays readable, with desiredPhase Deleted.", delete="kept"),
    Variant(
        "deletion-conflicts",
        "A workload in deletion refuses updates and deletions with 409.",
        demands.deletion_conflicts,
    ),
    Variant("deleted-names-taken", "A name stays taken until its deleted workload is gone.", effects.names_kept),
    _pace("slow-start", "A workload takes 5 s to be Running.", creating=1, pending=2, initializing=2),
    _pace("instant-start", "A workload is Running as soon as it exists.", creating=0, pending=0, initializing=0),
    _pace("never-ready", "A workload stays Pending: there is no capacity.", pending=10**7),
    Variant("never-starts", "A workload is Failed: its image cannot be pulled.", effects.failing),
    _pace("no-updating", "An update never shows in the phase.", updating=0),
    Variant(
        "creations-show-late", "A created workload can be read 0.3 s after its 202.", effects.creations_show_late
    ),
    Variant("updates-show-late", "An update shows in answers 2 s after its 202.", effects.updates_show_late),
    _choice("section-overwrite", "An update replaces each section that it names as a whole.", patch="section"),
    Variant("nulls-ignored", "Null in an update changes nothing.", effects.merging(effects.nulls_ignored)),
    Variant(
        "lists-by-name",
        "An update merges lists by the names of their entries.",
        effects.merging(effects.lists_by_name),
    ),
    Variant("prefix-joined", "A prefix is followed by random characters without a hyphen.", effects.prefix_joined),
)

_ANSWERS: Final = (
    _choice("echo-defaults", "Answers hold the declared defaults of what was left out.", defaults=True),
    _choice("drop-nulls", "Nulls of a sent spec are not stored.", nulls="drop"),
    _choice("drop-unknown", "Properties that the contract does not know are not stored.", unknown="drop"),
    Variant(
        "drop-ignored", "What the document calls ignored is not returned.", answers.on_specs(answers.without_ignored)
    ),
    Variant("drop-empty", "Empty objects and lists are not returned.", answers.on_specs(answers.without_empty)),
    Variant("drop-excluded", "Excluded entries are not returned.", answers.on_specs(answers.without_excluded)),
    Variant(
        "null-sections", "Sections that nobody set are null in answers.", answers.on_specs(answers.null_sections)
    ),
    Variant(
        "policy-entries", "A policy adds variables, labels and tolerations.", answers.on_specs(answers.policy_entries)
    ),
    Variant("policy-defaults", "A policy fills in what was left out.", answers.on_specs(answers.policy_defaults)),
    Variant("sets-reordered", "Lists without an order come in another one.", answers.on_specs(answers.reordered)),
    Variant(
        "canonical-quantities",
        "Quantities come as Kubernetes spells them: 1024Mi as 1Gi.",
        answers.on_specs(answers.canonical_quantities),
    ),
    Variant(
        "fractions",
        "Whole numbers come with a fraction where the schema says number.",
        answers.on_specs(answers.fractions),
    ),
    _choice("required-fields-only", "Answers hold required fields only; no actualPhase.", optional=False),
    Variant(
        "extra-fields",
        "Answers hold fields that the contract does not know.",
        answers.on_workloads(answers.extra_fields),
    ),
    Variant(
        "absent-deleted-at",
        "deletedAt is absent until there is one.",
        answers.on_workloads(answers.without_deleted_at),
    ),
    Variant(
        "capital-ids",
        "Ids are returned in capitals and accepted in any case.",
        answers.on_workloads(answers.capital_ids),
    ),
    _choice("numeric-offset", "Timestamps end in +00:00 instead of Z.", zone="+00:00"),
    Variant("local-time", "Timestamps have an offset of +05:30.", answers.eastward(330)),
    Variant("whole-seconds", "Timestamps have no decimals.", answers.with_digits(0)),
    Variant("microseconds", "Timestamps have six decimals.", answers.with_digits(6)),
    Variant("nanoseconds", "Timestamps have nine decimals.", answers.with_digits(9)),
    Variant("charset", "JSON answers name their charset.", answers.after(answers.charset)),
    Variant("pretty-json", "JSON answers are indented and escaped to ASCII.", answers.after(answers.pretty)),
)

_METRICS: Final = (
    _choice("metrics-never-partial", "A range that begins too early answers 200.", partial=200, early_metrics=200),
    _choice("metrics-not-found-early", "Before a workload runs, its metrics answer 404.", early_metrics=404),
    Variant("metrics-empty", "There are never any measurements.", effects.metrics_empty),
    Variant("metrics-coarse", "A third of the samples asked for is kept.", effects.metrics_coarse),
    Variant("metrics-backwards", "Samples come newest first.", effects.metrics_backwards),
    Variant("metrics-anytime", "Metrics are returned for any time, past and future.", effects.metrics_anytime),
    Variant("no-latency", "There is no LATENCY without traffic.", effects.no_latency),
    Variant("no-metric-labels", "Measurements have no labels.", answers.on_series(answers.without_labels)),
    Variant(
        "null-metric-values", "A measurement without samples has null values.", answers.on_series(answers.null_values)
    ),
    Variant(
        "metrics-each-second",
        "There is one measurement a second; between two, the earlier one is given again.",
        measuring.each_second,
    ),
    Variant("csv-wide", "CSV has a column for each type.", measuring.table(measuring.wide)),
    Variant(
        "csv-spreadsheet",
        "CSV has quotes, two decimals and a byte order mark.",
        measuring.table(measuring.for_spreadsheets),
    ),
    Variant("no-csv", "Metrics come as JSON whatever is asked for.", demands.first(demands.no_csv)),
)

_REFUSALS: Final = (
    _choice("not-found-for-foreign", "A workload of another project answers 404.", foreign=404),
    Variant("hidden-projects", "A creation in a project without rights answers 404.", demands.hidden_projects),
    _choice("duplicate-conflict", "A name in use is refused with 409.", duplicate=409),
    _choice("duplicate-accepted", "A name in use is accepted again.", duplicate=None),
    Variant("malformed-id-bad-request", "An id that is no UUID answers 400.", demands.malformed_ids(400)),
    Variant("malformed-id-not-found", "An id that is no UUID answers 404.", demands.malformed_ids(404)),
    Variant("malformed-id-unprocessable", "An id that is no UUID answers 422.", demands.malformed_ids(422)),
    Variant(
        "refuse-unknown",
        "Properties that the contract does not know are refused.",
        demands.demanding(demands.known_only),
    ),
    Variant(
        "label-names",
        "The name must be a DNS label of at most 63 characters.",
        demands.demanding(demands.label_names),
    ),
    Variant(
        "printable-strings",
        "Strings must be printable ASCII of at most 253 characters.",
        demands.demanding(demands.printable),
    ),
    Variant(
        "existing-references",
        "Secrets, node pools, users that a spec names must exist; none does.",
        demands.demanding(demands.existing_references),
    ),
    Variant(
        "distinct-entries",
        "Entries of a list must have names of their own.",
        demands.demanding(demands.distinct_names),
    ),
    Variant(
        "valued-variables",
        "An environment variable must have a value or a reference.",
        demands.demanding(entries.valued_variables),
    ),
    Variant(
        "filled-sections",
        "A section or an entry must hold something.",
        demands.demanding(entries.filled_sections),
    ),
    Variant(
        "kubernetes-texts",
        "Names, label values and images must be such for Kubernetes, too.",
        demands.demanding(entries.kubernetes_texts),
    ),
    Variant(
        "complete-exclusions",
        "An excluded entry must be as complete as any other.",
        demands.complete_exclusions,
    ),
    Variant(
        "default-propagation",
        "A hostPath entry that states no mountPropagation has None, and must not differ.",
        demands.default_propagation,
    ),
    Variant("advice-ignored", "What the document only recommends is not demanded.", demands.advice_ignored),
    Variant("no-gpus", "Requests for GPUs are refused: there is no quota.", demands.demanding(demands.no_gpus)),
    Variant("named-updates", "An update that names nothing is refused.", demands.demanding(demands.named_update)),
    Variant(
        "validating-first",
        "An update is held to its schema before its workload is looked for.",
        demands.validating_first,
    ),
    Variant(
        "any-content-type",
        "Bodies are read as JSON whatever they say they are.",
        demands.first(demands.any_content_type),
    ),
    Variant("strict-accept", "An Accept that JSON does not meet answers 406.", demands.first(demands.strict_accept)),
    Variant("strict-query", "Unknown query parameters are refused.", demands.first(demands.strict_query)),
    Variant(
        "small-bodies",
        "A body of more than 50 kB answers 413 without a body and closes.",
        demands.first(demands.small_bodies),
    ),
    Variant("unprocessable", "An invalid body answers 422.", answers.on_refusals(answers.unprocessable)),
    Variant(
        "updates-when-running",
        "A workload that does not run yet refuses to be updated with 409.",
        demands.updates_when_running,
    ),
    Variant("opaque-tokens", "A token is no JWT.", callers.opaque_tokens),
    Variant("nobody-forbidden", "Who brings no token is answered 403.", answers.on_refusals(callers.forbidden)),
    Variant("nobody-hidden", "Who brings no valid token is answered 404.", answers.on_refusals(callers.hidden)),
    _choice("terse-errors", "Errors have no details.", details=False),
    Variant(
        "error-fields",
        "Errors hold fields that the contract does not know.",
        answers.on_refusals(answers.error_fields),
    ),
    Variant("no-challenge", "401 comes without WWW-Authenticate.", answers.on_refusals(answers.no_challenge)),
    Variant("wrong-method-not-found", "A wrong method answers 404.", answers.on_refusals(answers.method_not_found)),
    Variant(
        "proxy-pages",
        "What no operation documents is answered by a proxy, in HTML.",
        answers.on_refusals(answers.proxied),
    ),
    Variant("strict-proxy", "Long header fields answer 431, long targets 414.", demands.first(demands.strict_proxy)),
    Variant(
        "known-expectations",
        "An Expect other than 100-continue answers 417.",
        demands.first(demands.known_expectations),
    ),
    Variant("cross-origin", "OPTIONS answers 204 everywhere.", answers.after(answers.cross_origin)),
    Variant("head-answered", "HEAD is answered wherever GET is.", answers.after(answers.head_answered)),
    _choice("no-oauth-tokens", "There is no token endpoint at /api/v2/token.", tokens=("v1",)),
    _choice("oauth-tokens-only", "There is no token endpoint at /api/v1/token.", tokens=("v2",)),
    Variant("no-neighbours", "There is no list of workloads and none of pods.", demands.first(demands.no_lists)),
)

_WIRE: Final = (
    Variant("throttling", "Every 40th call answers 429 with Retry-After.", effects.seldom(429, 40, headers=_SOON)),
    Variant(
        "sometimes-unavailable",
        "Every 50th call answers 503 with Retry-After.",
        effects.seldom(503, 50, headers=_SOON),
    ),
    Variant(
        "proxy-unavailable", "Every 60th call answers 503 in HTML.", effects.seldom(503, 60, headers=[], html=True)
    ),
    Variant("distant", "Every answer takes 150 ms longer.", effects.slowly(0.15)),
    Variant("capital-headers", "Header names begin with capitals.", effects.on_wire(effects.capitals)),
    Variant(
        "usual-headers",
        "Answers have the headers of proxies and load balancers.",
        effects.on_wire(effects.usual_headers),
    ),
    Variant("chunked", "Answers come in chunks, without Content-Length.", effects.on_wire(effects.chunked)),
    Variant("closing", "The connection is closed after each answer.", effects.on_wire(effects.closing)),
    _choice("idle-close", "Idle connections are closed after a second.", keep_alive=1),
)

VARIANTS: Final[Mapping[str, Variant]] = {
    variant.name: variant for variant in (*_LIFE, *_ANSWERS, *_METRICS, *_REFUSALS, *_WIRE)
}
