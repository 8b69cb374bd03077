"""Goal: with basic_auth_users nothing is answered to who gives no name with its password, and with
tls_server_config everything is served by TLS alone; files that are no certificate and its key, or that
cannot be read, end the daemon with a sentence that names the setting.
Method: no Kafka is there, which the health, the metrics and the page do not need.

labels: sanitize threads"""

import base64
import re
import ssl
import tempfile
import urllib.error
import urllib.request
import warnings
from pathlib import Path

from broker import Redis, free_port, run
from daemon_case import Daemon, make_certificate, refused, settings, write_config

HASH = "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"  # bcrypt of the password
EXIT_CONFIG = 78
USER, PASSWORD = "ann", "correct horse"
PATHS = ("/", "/page.js", "/metrics", "/status", "/healthz", "/readyz", "/api/v1/rows", "/api/v1/alerts",
         "/x")


class Nowhere:
    address = f"127.0.0.1:{free_port()}"


def config_of(folder, redis, name, **http):
    http = {"listen": f"127.0.0.1:{free_port()}", **http}
    return write_config(folder, settings(folder, Nowhere, redis, http=http), name + ".yaml")


def ask(url, path, user=None, password=None, context=None):
    """Status and headers."""
    request = urllib.request.Request(url + path)
    if user is not None:
        words = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", "Basic " + words)
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def url_of(daemon):
    return re.search(r'msg="answers by http" url=(\S+)', daemon.said())[1]


def start(config):
    daemon = Daemon(config)
    daemon.awaited = "answers by http"
    return daemon


def check_passwords(url, context=None):
    for path in PATHS:
        for words in ((), (USER, ""), (USER, "wrong"), ("", PASSWORD), ("bob", PASSWORD), (USER, HASH)):
            code, headers = ask(url, path, *words, context=context)
            assert code == 401 and headers["WWW-Authenticate"].startswith("Basic "), (path, words, code)
        code, _ = ask(url, path, USER, PASSWORD, context=context)
        wanted = 404 if path == "/x" else 503 if path.startswith(("/api", "/readyz")) else 200
        assert code == wanted, (path, code)


def check_tls(folder, redis):
    files = make_certificate(folder, "one")
    config = config_of(folder, redis, "tls", tls_server_config=files, basic_auth_users={USER: HASH})
    with start(config) as daemon:
        url = url_of(daemon)
        assert url.startswith("https://"), url
        check_passwords(url, ssl.create_default_context(cafile=files["cert_file"]))
        plain = url.replace("https:", "http:")
        try:
            raise AssertionError(f"plain HTTP was answered with {ask(plain, '/healthz')}")
        except (urllib.error.URLError, ConnectionError, OSError):
            pass
        old = ssl.create_default_context(cafile=files["cert_file"])
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        try:
            raise AssertionError(f"TLS 1.1 was answered with {ask(url, '/healthz', context=old)}")
        except (urllib.error.URLError, ConnectionError, OSError):
            pass


def check_files(folder, redis):
    one, other = make_certificate(folder, "one"), make_certificate(folder, "other")
    mixed = {"cert_file": one["cert_file"], "key_file": other["key_file"]}
    absent = {"cert_file": one["cert_file"], "key_file": str(folder / "absent.key")}
    for name, files, key in (("mixed", mixed, ""), ("absent", absent, ".key_file")):
        said = refused(config_of(folder, redis, name, tls_server_config=files), EXIT_CONFIG)
        assert "http.tls_server_config" + key in said and files["key_file"] in said, said


def test():
    with tempfile.TemporaryDirectory() as name, Redis() as redis:
        folder = Path(name)
        with start(config_of(folder, redis, "users", basic_auth_users={USER: HASH})) as daemon:
            check_passwords(url_of(daemon))
            assert PASSWORD not in daemon.said() and HASH not in daemon.said()
        check_tls(folder, redis)
        check_files(folder, redis)


if __name__ == "__main__":
    run(test)
