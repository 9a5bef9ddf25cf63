#!/usr/bin/env python3
"""Schemathesis over the document that a server of its own serves: no 5xx, no status and no body that it does not declare.

usage: tests/api_fuzz.py PROGRAM [schemathesis options ..]      PROGRAM: a built `wib`

The server runs on SQLite in memory of a folder that goes with it, its vendors in the house. The organisation that asks is
on the largest plan and has no limits; a debtor and a call are there, so that some ids lead somewhere.
"""
import http.client, json, os, pathlib, socket, subprocess, sys, tempfile, time, urllib.parse

# Streams do not end by themselves, or become something else than HTTP; by the house's own vendors nobody speaks for the
# router; and names of vendors are doors of deliveries, where a subscription's id is asked for.
STREAMS = ["/api/voice/translate/stream", "/api/calls/{id}/live", "/media/{vendor}/{address}", "/api/ai/router/tts",
           "/api/webhooks/{id}"]
KEY = "the installation's own key"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, program, folder, port, **more):
        self.port = port
        env = {k: v for k, v in os.environ.items() if not k.startswith("WIB_")} | {
            "WIB_DATA": folder, "PORT": str(port), "RUST_LOG": "error", "WIB_FIRST_PLAN": "enterprise",
            "WIB_INTERNAL_KEY": KEY, "WIB_WORKERS": "1", **more,
        }
        self.log = open(pathlib.Path(folder) / "log", "ab")
        self.process = subprocess.Popen([program, "serve"], env=env, stdout=self.log, stderr=self.log)
        for _ in range(200):
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        self.stop()
        sys.exit("the server did not come up")

    def ask(self, method, path, body=None, token=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json", "User-Agent": "fuzz"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, answer, json.loads(text) if answer.headers.get_content_type() == "application/json" else text

    def csrf(self):
        return self.ask("GET", "/api/auth/csrf")[2]["csrf_token"]

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program, options = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        server = Server(program, folder, port)
        form = {"email": "fuzz@example.com", "password": "a long enough password"}
        made = server.ask("POST", "/api/auth/signup", form | {"organizationName": "Fuzz", "csrf_token": server.csrf()})
        assert made[0] == 200, made
        begun = server.ask("POST", "/api/auth/callback/credentials", form | {"csrf_token": server.csrf()})
        assert begun[0] == 200, begun
        token, organization = begun[1].headers["X-Session-Token"], begun[2]["user"]["organization_id"]
        server.stop()
        server = Server(program, folder, port, WIB_LIMITS_EXEMPT=organization)
        try:
            status = run(port, token, options)
        finally:
            server.stop()
        if status:
            print((pathlib.Path(folder) / "log").read_text()[-4000:])
    sys.exit(status)


def run(port, token, options):
    url = f"http://127.0.0.1:{port}"
    command = [
        "schemathesis", "run", f"{url}/openapi.json", "--url", url, "--phases", "examples,coverage,fuzzing",
        "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--max-examples", "20", "--seed", "1", "--generation-deterministic", "--workers", "1", "--request-timeout", "30", "--max-failures", "200",
        "-H", f"Authorization: Bearer {token}", "-H", "User-Agent: fuzz",
        "-H", f"X-Internal-Key: {KEY}", "--exclude-path", "/api/auth/signout", *options,
    ]
    for path in STREAMS:
        command += ["--exclude-path", path]
    # What it remembers goes with the folder.
    with tempfile.TemporaryDirectory() as memory:
        return subprocess.run(command, timeout=900, cwd=memory).returncode


main()
