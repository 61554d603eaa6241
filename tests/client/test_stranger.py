"""What answers in place of the API is told as such, with whose part it is and what helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.client.exchange import Answer, error_message
from assay.client.network import TransportConfig
from assay.client.preflight.stranger import in_place_of_the_api
from assay.legible import quoted, without_markup
from tests.client import pages
from tests.client.pages import page, plain, stock

CONFIG = TransportConfig("https://runai.example.com")
JSON = {"content-type": "application/json"}
NO_CERTIFICATE = page(
    400,
    "<html><head><title>400 No required SSL certificate was sent</title></head><body><center><h1>400 Bad Request</h1>"
    "</center><center>No required SSL certificate was sent</center><hr><center>nginx/1.22.1</center></body></html>",
    server="nginx/1.22.1",
)


@pytest.mark.parametrize(
    ("answer", "code", "text", "todo"),
    [
        (NO_CERTIFICATE, 2, "runai.example.com:443 wants a client certificate", "--client-cert"),
        (page(400, stock("400 The SSL certificate error")), 2, "wants a client certificate", "--client-cert"),
        (page(403, "<h2>403 - Forbidden: Client certificate required</h2>"), 2, "wants a", "--client-key"),
        (pages.LOGIN, 2, "a login page answers, not the API (200: Sign in to Example)", "ASSAY_HEADER_<NAME>"),
        (page(401, stock("401 Authorization Required")), 2, "by nginx, not by the API (401: Auth", "ASSAY_HEADER_"),
        (page(403, stock("403 Forbidden")), 2, "answered by nginx, not by the API (403: Forbidden)", "[headers]"),
        (pages.BLOCKED, 2, "by a web application firewall, not by the API (403: Request Rejected)", "let assay's"),
        (pages.ENVOY_403, 2, "answered by envoy, not by the API (403: RBAC: access denied)", "[headers]"),
        (page(403, "<html><body>Error</body></html>"), 2, "answered by something before the API", "[headers]"),
        (pages.NGINX_502, 3, "nginx, not by the API (502: Bad Gateway): what stands behind it is down", "try again"),
        (pages.HAPROXY_503, 3, "answered by HAProxy, not by the API (503: Service Unavailable)", "try again"),
        (pages.TRAEFIK_504, 3, "answered by a gateway, not by the API (504: Gateway Timeout)", "try again"),
        (Answer(502), 3, "answered by a gateway, not by the API (502): what stands", "try again"),
        (page(429, stock("429 Too Many Requests")), 3, "it limits how many requests it takes", "--max-rps"),
        (page(505, stock("505 HTTP Version Not Supported")), 3, "speaks HTTP/2 alone", "speaks it, too"),
        (page(413, stock("413 Request Entity Too Large")), 3, "does not pass the request on", "passed on to the API"),
    ],
)  # fmt: skip
def test_what_answers_and_what_helps(answer: Answer, code: int, text: str, todo: str) -> None:
    step = in_place_of_the_api("api", answer, CONFIG)
    assert step is not None
    assert (step.name, step.code) == ("api", code)
    assert text in step.text
    assert todo in str(step.todo)
    assert "<" not in step.text


def test_a_certificate_that_was_given_and_is_not_taken() -> None:
    step = in_place_of_the_api("api", NO_CERTIFICATE, TransportConfig("https://h", client_cert=Path("mine.pem")))
    assert step is not None
    assert "does not accept the client certificate mine.pem" in step.text


@pytest.mark.parametrize(
    "answer",
    [
        pages.TO_LOGIN,  # what redirects is told with its place
        page(200, "<html><head><title>Welcome to nginx!</title></head></html>"),
        page(200, "<html><title>Shop</title></html>"),
        Answer(403, JSON, b'{"code":403,"message":"no"}'),
        Answer(400, JSON, b'{"code":400,"message":"the client certificate of the spec is wrong"}'),
        plain(400, "the ssl certificate is missing in the spec"),
        page(500, "<h1>Internal Server Error</h1>", server="nginx"),
    ],
)
def test_what_is_the_apis_or_a_matter_of_the_address(answer: Answer) -> None:
    assert in_place_of_the_api("api", answer, CONFIG) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (stock("502 Bad Gateway"), "502 Bad Gateway"),
        ("<html><body><h1>503 Service\n Unavailable</h1>\nNo server.</body></html>", "503 Service Unavailable"),
        ("<!-- x --><!DOCTYPE html><head><title> </title><style>a{}</style></head><p>a &amp; b</p>", "a & b"),
        ("<h1></h1>no <b>title</b>", "no title"),
        ("no page: <b> is no tag of ours", "no page: <b> is no tag of ours"),
        ("<name>", "<name>"),
    ],
)
def test_a_page_is_quoted_by_its_words(text: str, words: str) -> None:
    assert without_markup(text) == words
    assert quoted(text) == words
    assert error_message(page(503, text)) == words
