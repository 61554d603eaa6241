"""What gateways answer in place of an API, as they were seen in the wild."""

from __future__ import annotations

from assay.client.exchange import Answer


def page(status: int, text: str, **headers: str) -> Answer:
    """A web page; names of ``headers`` have underscores for hyphens."""
    return _answer(status, text, "text/html", headers)


def plain(status: int, text: str, **headers: str) -> Answer:
    """A line of plain text."""
    return _answer(status, text, "text/plain", headers)


def _answer(status: int, text: str, kind: str, headers: dict[str, str]) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": kind, **named}, text.encode())


def stock(title: str, server: str = "nginx") -> str:
    """The stock page of nginx and of what is made from it."""
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        f"<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
    )


NGINX_502 = page(502, stock("502 Bad Gateway", "nginx/1.25.3"), server="nginx/1.25.3")
AMAZON_502 = page(502, stock("502 Bad Gateway").replace("<hr><center>nginx</center>\r\n", ""), server="awselb/2.0")
ENVOY_503 = plain(
    503,
    "upstream connect error or disconnect/reset before headers. reset reason: connection failure",
    server="istio-envoy",
)
ENVOY_401 = plain(401, "Jwt is missing", server="istio-envoy", www_authenticate="Bearer realm=x")
ENVOY_403 = plain(403, "RBAC: access denied", server="istio-envoy")
CLOUDFLARE_522 = page(522, "<title>Connection timed out</title>", server="cloudflare", cf_ray="8f1-FRA")
HAPROXY_503 = page(
    503,
    "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>",
)
TRAEFIK_504 = plain(504, "Gateway Timeout")
BLOCKED = page(
    403,
    "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with "
    "your administrator.<br><br>Your support ID is: 1234567890</body></html>",
)
LOGIN = page(200, "<html><title>Sign in to Example</title><form><input type='password' name='p'></form></html>")
TO_LOGIN = page(302, "", location="https://sso.example.com/oauth2/authorize?client_id=x")
