"""Bulk bodies of a load, and the bare ways to bring them into a real engine that benches compare with."""
import json
import os
import pathlib
import re
import subprocess
import time

from .server import TICK
from harness.http import HttpError, request

INDEX_OF_ACTION = re.compile(rb'"_index":"(?:[^"\\]|\\.)*",')


def cpu_of(pid):
    """Seconds of CPU of a process so far, of all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def split(dump, folder, most):
    """Cuts an NDJSON target's file into bodies that end with the document that reaches `most` bytes. They name no index: the URL does."""
    folder.mkdir()
    paths, out, size = [], None, 0
    with open(dump, "rb") as lines:
        for action in lines:
            if out is None:
                paths.append(folder / f"{len(paths):05}")
                out, size = open(paths[-1], "wb"), 0
            size += out.write(INDEX_OF_ACTION.sub(b"", action, 1)) + out.write(next(lines))
            if size >= most:
                out.close()
                out = None
    if out:
        out.close()
    return paths


def curl(connections, url, bodies, directory):
    """One curl that sends all bodies over connections that it keeps. Its seconds are those of the process: starting it is a few milliseconds."""
    config = directory / "curl.conf"
    config.write_text("next\n".join(
        f'url = "{url}"\nrequest = POST\ndata-binary = "@{body}"\nheader = "Content-Type: application/x-ndjson"\n'
        f'header = "Expect:"\noutput = "{directory}/curl.out.{number}"\nfail\n' for number, body in enumerate(bodies)))
    began = time.monotonic()
    process = subprocess.Popen(["curl", "-sS", "--no-progress-meter", "--parallel", "--parallel-immediate", "--parallel-max", str(connections),
                                "-K", config])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(f"curl ended with {process.returncode}")
    for number in range(len(bodies)):
        answer = directory / f"curl.out.{number}"
        if json.loads(answer.read_text()) != {"errors": False}:
            raise RuntimeError(f"errors of curl: {answer.read_text()[:300]}")
        answer.unlink()
    return {"seconds": seconds, "client_cpu_s": usage.ru_utime + usage.ru_stime}


def delete_index(engine, index):
    try:
        request("DELETE", f"{engine.url}/{index}")
    except HttpError as e:
        if e.status != 404:
            raise


def fresh_index(engine, index, body):
    delete_index(engine, index)
    request("PUT", f"{engine.url}/{index}", body)
    request("GET", f"{engine.url}/_cluster/health?wait_for_no_initializing_shards=true&wait_for_status=green")


def held(engine, index):
    request("POST", f"{engine.url}/{index}/_refresh")
    return request("GET", f"{engine.url}/{index}/_count")["count"]
