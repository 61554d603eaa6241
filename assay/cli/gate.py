"""`assay gate`: may this build be merged?"""

from assay.cli.conducting import command

gate = command(
    "gate",
    """The CI quality gate: judges every operation against its contract and runs a short load. About 2 minutes.

    Ends with a verdict: pass (exit 0), fail (1: the target violates its contract or misses a limit) or inconclusive
    (3: the run could not decide, and says why). Writes verdict.json, report.html, junit.xml, allure-results/ and
    summary.md to --out (default reports/runs/<run id>; reports/runs/latest points to the newest).

    Against a real target, give --base-url, --project and --cluster, and the credentials in ASSAY_CLIENT_ID and
    ASSAY_CLIENT_SECRET (or ASSAY_TOKEN). `assay doctor` says what is missing. At most --max-live small workloads
    live at once, none asks for a GPU, and all are removed, also after Ctrl-C.
    """,
)
