#!/usr/bin/env python3
"""guarded_stub: engine_stub behind what guards real engines: TLS, client certificates, signatures of AWS; one of a cluster's hosts.

    guarded_stub.py [OPTIONS AS JSON]      prints "PORT <port>" as its first line on standard output
      "cert", "key"     files: speak TLS ("most": "1.1" = nothing newer)
      "client_ca"       file: only clients with a certificate of this authority
      "aws"             {"access", "secret", "region", "service"[, "token"]}: only requests signed with these, checked by the words of
                        "Signature Version 4": nothing of libcurl's own
      "cluster"         the cluster_uuid that GET / tells
      "port"            default: a free one

    POST /_guard/refuse?status=429&after=S[&count=N]     the next N _bulk requests are refused with Retry-After: S
    GET  /_guard/headers                                 those of the last request to the engine
"""
import hashlib
import hmac
import json
import ssl
import sys
import urllib.parse

import engine_stub

OPTIONS = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}


def quoted(text):
    return urllib.parse.quote(text, safe="-_.~")


def expected_signature(method, target, headers, signed, body, aws, date):
    """As AWS describes it: canonical request, string to sign, derived key."""
    path, _, query = target.partition("?")
    pairs = sorted((quoted(k), quoted(v)) for k, v in urllib.parse.parse_qsl(query, keep_blank_values=True))
    canonical = "\n".join([
        method, "/".join(quoted(part) for part in path.split("/")), "&".join(f"{k}={v}" for k, v in pairs),
        *(f"{name}:{' '.join(headers[name].split())}" for name in signed), "", ";".join(signed), hashlib.sha256(body).hexdigest()])
    scope = f"{date[:8]}/{aws['region']}/{aws['service']}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + aws["secret"]).encode()
    for part in [*scope.split("/"), text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


def why_not_signed(method, target, headers, body, aws):
    headers = {k.lower(): v for k, v in headers.items()}
    kind, _, rest = headers.get("authorization", "").partition(" ")
    fields = dict(f.strip().split("=", 1) for f in rest.split(",") if "=" in f)
    date = headers.get("x-amz-date", "")
    if kind != "AWS4-HMAC-SHA256" or not date:
        return "no signature"
    if fields["Credential"] != f"{aws['access']}/{date[:8]}/{aws['region']}/{aws['service']}/aws4_request":
        return f"other credential: {fields['Credential']}"
    signed = fields["SignedHeaders"].split(";")
    needed = {"host", "x-amz-date"} | ({"x-amz-security-token"} if "token" in aws else set())
    if not needed <= set(signed) or signed != sorted(signed):
        return f"signed headers: {signed}"
    if headers.get("x-amz-security-token") != aws.get("token"):
        return "other session token"
    if headers.get("x-amz-content-sha256", hashlib.sha256(body).hexdigest()) != hashlib.sha256(body).hexdigest():
        return "x-amz-content-sha256 is not that of the body"
    if fields["Signature"] != expected_signature(method, target, headers, signed, body, aws, date):
        return f"the signature does not fit {method} {target}, signed {signed}"
    return None


class Body:
    """A request's body that was read already, for the stub to read again."""

    def __init__(self, data):
        self.data = data

    def read(self, _):
        return self.data


class Handler(engine_stub.Handler):
    refusals = [0, 0, 0]  # how many, status, seconds
    last = {}

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/_guard/headers":
            return self.answer(200, Handler.last)
        if url.path == "/_guard/refuse":
            Handler.refusals = [int(query.get("count", 1)), int(query["status"]), int(query["after"])]
            return self.answer(200, {"ok": True})
        Handler.last = {k.lower(): v for k, v in self.headers.items()}
        if "aws" in OPTIONS:
            why = why_not_signed(self.command, self.path, self.headers, body, OPTIONS["aws"])
            if why:
                return self.answer(403, {"message": why})
        if url.path.endswith("/_bulk") and Handler.refusals[0] > 0:
            Handler.refusals[0] -= 1
            self.after = Handler.refusals[2]
            self.answer(Handler.refusals[1], {"error": {"type": "rejected_execution_exception", "reason": "told to"}})
            self.after = None
            return None
        kept, self.rfile = self.rfile, Body(body)
        try:
            super().serve()
        finally:
            self.rfile = kept

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = lambda self: self.serve()

    def end_headers(self):
        if self.__dict__.get("after") is not None:
            self.send_header("Retry-After", str(self.after))
        super().end_headers()

    @staticmethod
    def root():
        return {**engine_stub.Handler.root(), **({"cluster_uuid": OPTIONS["cluster"]} if "cluster" in OPTIONS else {})}


def main():
    server = engine_stub.Server(("127.0.0.1", OPTIONS.get("port", 0)), Handler)
    if "cert" in OPTIONS:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if OPTIONS.get("most") == "1.1":
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        context.load_cert_chain(OPTIONS["cert"], OPTIONS["key"])
        if "client_ca" in OPTIONS:
            context.load_verify_locations(OPTIONS["client_ca"])
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(f"PORT {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
