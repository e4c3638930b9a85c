"""After every test: no crash in a server's log, the canary password in no log and in no process's arguments."""
from .processes import CANARY, process_list

LOG_SUFFIXES = (".log", ".txt", ".ndjson", ".json", ".db", ".state")


def canary_in_processes():
    return [line for line in process_list().splitlines() if CANARY in line]


def canary_in_logs(directory):
    found = []
    for path in directory.rglob("*"):
        if path.suffix in LOG_SUFFIXES and path.is_file():
            data = path.read_bytes()
            at = data.find(CANARY.encode())
            if at >= 0:
                found.append(f"{path}: …{data[max(0, at - 80):at].decode(errors='replace')}<the password>")
    return found
