"""What the base URL should have been: told by a redirect, or by the path that it ends with."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urljoin, urlsplit

from assay.client.exchange import Answer
from assay.client.preflight.steps import Step, usage
from assay.legible import quoted

_LOGIN: Final = re.compile(
    r"\b(?:log-?in|log-?on|sign-?in|sso|saml2?|oauth2?|openid|oidc|authorize|auth|realms|adfs)\b|cdn-cgi/access",
    re.IGNORECASE,
)
HEADERS: Final = (
    "give what it wants of a program as [headers] in assay.toml or ASSAY_HEADER_<NAME>, or an address that reaches "
    "the API without a browser"
)
_API: Final = re.compile(r"/api(?:/v\d+)?(?:/workloads.*)?$")


def without_api(base_url: str) -> str | None:
    """The base URL without the path that belongs to the API itself; None when it ends with none."""
    root = _API.sub("", base_url)
    return root if root != base_url else None


def redirected(base_url: str, target: str, answer: Answer) -> Step:
    """The step for an answer that redirects the request for ``target``, a path (with query) below the base URL."""
    location = answer.headers.get("location", "")
    if not location:
        text = f"{base_url} redirects ({answer.status}), but says not where to"
        return usage("api", text, "give the root of the control plane, as in https://<company>.run.ai")
    place = urljoin(base_url + target, location.strip())
    text = f"{base_url} redirects to {_shown(place)} ({answer.status})"
    root = _root(place, target)
    if root is not None and root != base_url.rstrip("/"):
        return usage("api", text, f"use --base-url {quoted(root)}")
    parts = urlsplit(place)
    if _LOGIN.search(f"{parts.netloc}{parts.path}"):
        return usage("api", f"{text}: an access proxy or single sign-on wants somebody to log in", HEADERS)
    if parts.hostname != urlsplit(base_url).hostname:
        return usage("api", text, f"if the control plane is there, use --base-url {quoted(_origin(place))}")
    return usage("api", text, "give the root of the control plane; what answers here is something else")


def _root(place: str, target: str) -> str | None:
    """What stands before the request's own path in the place that it is sent to; None when that path is not kept."""
    before, found, behind = urlsplit(place).path.partition(target.partition("?")[0])
    return f"{_origin(place)}{before}".rstrip("/") if found and behind[:1] in {"", "/"} else None


def _origin(place: str) -> str:
    parts = urlsplit(place)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _shown(place: str) -> str:
    """Without the query, which may hold states and tokens of a login."""
    return quoted(_origin(place) + urlsplit(place).path)
