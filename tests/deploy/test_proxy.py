"""The reverse proxies' files, as the proxies themselves read them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from app.access.rules import OPEN
from app.api.uploads import MAX_UPLOAD
from app.api.wire import MAX_BODY
from tests.deploy.files import DEPLOY, program

HAPROXY = DEPLOY / "proxy" / "haproxy.cfg"
NGINX = DEPLOY / "proxy" / "nginx.conf"


def test_haproxy_takes_its_file() -> None:
    said = subprocess.run([program("haproxy"), "-c", "-V", "-f", HAPROXY], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "[WARNING]" not in said.stderr


def test_nginx_takes_its_file(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(
        NGINX.read_text("utf-8").replace("/var/log/nginx", str(tmp_path)).replace("/run/", f"{tmp_path}/")
    )
    said = subprocess.run(
        [program("nginx"), "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    assert "[warn]" not in said.stderr


def test_no_log_has_the_query() -> None:
    haproxy, nginx = HAPROXY.read_text("utf-8"), NGINX.read_text("utf-8")
    assert not {"%r", "%HU", "%HP", "%HQ", "option httplog"} & set(haproxy.split())
    assert not any(word in haproxy for word in ("option httplog", "capture", "req.hdr"))
    assert not any(word in nginx for word in ("$request ", "$request_uri", "$args", "$query_string", "$arg_"))
    assert "error_log /var/log/nginx/error.log emerg;" in nginx


def test_bodies_have_the_limits_of_the_service() -> None:
    haproxy, nginx = HAPROXY.read_text("utf-8"), NGINX.read_text("utf-8")
    assert f"req.body_size gt {MAX_BODY} }} !books" in haproxy
    assert f"client_max_body_size {MAX_BODY >> 20}m;" in nginx
    assert f"client_max_body_size {MAX_UPLOAD >> 20}m;" in nginx


def test_health_is_asked_where_it_is_told_without_a_key() -> None:
    haproxy = HAPROXY.read_text("utf-8")
    for path in ("/readyz", "/healthz"):
        assert ("GET", path) in OPEN
        assert f"http-check send meth GET uri {path} " in haproxy
