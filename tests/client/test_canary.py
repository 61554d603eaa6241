"""Canary: whatever happens, no secret reaches a message, a repr, the disk or a curl line."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.client.exchange import Answer
from assay.client.handover import hand_over
from assay.contract.request import Request
from assay.errors import AssayError
from tests.client.conftest import Configure, Open
from tests.client.plane import OUTSIDER_SECRET, SECRET, Plane
from tests.client.servers import Reply, Seen, proxying
from tests.client.test_session import create, creation


def leaks(text: str, plane: Plane) -> list[str]:
    return [secret for secret in (SECRET, OUTSIDER_SECRET, *plane.fresh) if secret in text]


def test_the_search_finds_what_it_looks_for(plane: Plane, reach: Open) -> None:
    bearer = reach().token("main")
    assert leaks(f"x {bearer} {SECRET}", plane) == [SECRET, bearer]


def test_repr_and_disk(reach: Open, configure: Configure, plane: Plane, tmp_path: Path) -> None:
    target = reach()
    create(target)
    target.send(Request("read", path={"workloadId": "x"}), auth="outsider")
    hand_over(target.settings, tmp_path)
    assert len(plane.fresh) == 2
    shown = [repr(target), str(target.settings), repr(target.mask), repr(vars(target))]
    assert leaks("".join(shown), plane) == []
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) == 2
    for file in written:
        assert leaks(file.read_text(), plane) == [], file


def test_evidence_of_a_server_that_echoes(reach: Open, plane: Plane) -> None:
    def echo(seen: Seen, caller: str) -> Reply:
        return Reply(
            400, {"code": 400, "message": str(dict(seen.headers)) + SECRET}, {"X-Echo": seen.headers["authorization"]}
        )

    plane.create = echo  # type: ignore[method-assign]
    target = reach()
    request = creation(target)
    for auth in ("main", "outsider"):
        answer = target.send(request, auth=auth)
        assert isinstance(answer, Answer)
        assert leaks(answer.text, plane) != []
        header = f"Bearer {target.token(auth)}"
        evidence = [
            target.describe_answer(answer),
            target.describe(request, auth=auth),
            target.describe(request, auth=header),
            target.curl(request, auth=auth),
            target.curl(request, auth=header),
            target.curl(request, auth=header[:-2] + "xx"),
        ]
        assert leaks(repr(evidence), plane) == []


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_messages_of_a_token_service_that_echoes(reach: Open, plane: Plane, status: int) -> None:
    def echo(seen: Seen) -> Reply:
        return Reply(status, {"code": status, "message": seen.body.decode()})

    plane.grant = echo  # type: ignore[method-assign]
    with pytest.raises(AssayError) as caught:
        reach().token("main")
    assert "***" in caught.value.message
    assert leaks(f"{caught.value.message} {caught.value.hint} {caught.value!r}", plane) == []


def test_the_user_s_own_headers_and_the_proxy_s_password(reach: Open, plane: Plane, tmp_path: Path) -> None:
    """A server that echoes them; every request carries the header, that for the token too."""

    def echo(seen: Seen, caller: str) -> Reply:
        return Reply(400, {"code": 400, "message": str(dict(seen.headers))})

    plane.create = echo  # type: ignore[method-assign]
    with proxying(reach().base_url.rpartition("/")[2]) as (proxy, heads):
        (tmp_path / "assay.toml").write_text(
            f'proxy = "http://user:canary%2Dproxy@{proxy}"\n[headers]\nX-Access = "canary-header"\n'
        )
        target = reach()
        request = creation(target)
        answer = target.send(request)
    assert isinstance(answer, Answer)
    assert "canary-header" in answer.text
    assert heads
    assert all(b"X-Access: canary-header" in head and b"Proxy-Authorization: Basic " in head for head in heads)
    assert hand_over(target.settings, tmp_path)["ASSAY_PROXY"]
    shown = [target.describe_answer(answer), target.describe(request), target.curl(request), vars(target)]
    shown += [(tmp_path / "settings.json").read_text(), target.settings.model_dump_json()]
    assert [word for word in ("canary-header", "canary-proxy", "canary%2Dproxy") if word in repr(shown)] == []
    assert '"X-Access: $ASSAY_HEADER_X_ACCESS"' in target.curl(request)
    assert target.describe(request)["headers"]["X-Access"] == "***"
