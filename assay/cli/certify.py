"""`assay certify`: may this release go out?"""

from assay.cli.conducting import command

certify = command(
    "certify",
    """Pre-release certification: the gate's checks with ten times the examples and a longer load.

    Takes 5 minutes on the embedded control plane and sends up to 40,000 requests (here 27,000). Same verdicts, exit
    codes and reports as the gate. A second identity (ASSAY_OUTSIDER_CLIENT_ID and ASSAY_OUTSIDER_CLIENT_SECRET) lets
    it judge access between projects.

    Ends with certificate.json: what was certified, against which contract, what was not tested, what this suite is
    measured to catch, and the digests of all files. `assay verify DIR` tells whether anything was altered since.
    """,
)
