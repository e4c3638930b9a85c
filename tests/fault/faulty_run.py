"""One run: a seed decides the schema file, the load, how the daemon runs, and what happens to it, to the servers and to the links between
them, until peace. Then the witness judges.

How the load, the daemon and the faults interleave is not decided by the seed; what happened is in the failure's folder.
"""
import pathlib
import random
import re
import shutil
import signal

import bookshop
from bookshop import DATABASE
from harness import consumer as program
from harness.processes import wait_for
from harness.tcp_proxy import TcpLink
from witness import Witness

# The first number of passages after which a run's daemon may die there, and the last.
CRASH_POINTS = {"receive": 12, "xadd": 10, "fetch": 10, "bulk_sent": 30, "bulk_answered": 12, "xack": 10, "state": 8, "feedback": 5}
# Why a daemon may end by itself: it began while a server was away.
AWAY = re.compile(r"cannot reach|did not answer|no answer|onnection|Redis at|starting up|shutting down|terminating|is it running"
                  r"|the engine answered (429|50[0-9])")
# A daemon that is cut off or stopped in a transaction holds its locks, and the load, which would heal it afterwards, may TRUNCATE what it read.
SETTINGS = {"logical_decoding_work_mem": "'64kB'", "autovacuum": "off", "idle_in_transaction_session_timeout": "'10s'"}


class Plan:
    def __init__(self, seed, **fixed):
        rng = self.rng = random.Random(f"faults {seed}")
        self.seed = seed
        self.schema = rng.choice(["books", "publishers", "both"])
        self.queue = rng.choice(["memory", "redis", "redis"])
        self.workers = rng.choice([1, 2, 3])
        self.batch_bytes = rng.choice([1, 100, 262144])
        self.take_bytes = rng.choice([1, 100, 524288])
        self.record_ms = rng.choice([5, 20, 100])
        self.chaos = rng.choice([0, 10, 30])
        self.poison = self.schema != "publishers" and rng.random() < 0.3
        self.linked = rng.random() < 0.4
        self.lives = [self.life(rng) for _ in range(rng.choice([1, 1, 2, 3]))]
        for name, value in fixed.items():
            assert hasattr(self, name), name
            setattr(self, name, value)

    def life(self, rng):
        events = ["walsender", "pause", "ddl", "ddl", "ddl"]
        if self.queue == "redis":
            events += ["redis flush", "redis kill", "redis full", "redis readonly", "redis old dump", "redis evict"]
        if self.linked:
            events += [f"{link} {what}" for link in ("pg", "redis", "engine") for what in ("cut", "delay", "silence")]
        kind = rng.choices(["crash", "kill", "term", "postgres"], [60, 24, 12, 4])[0]
        point = rng.choice(list(CRASH_POINTS))
        return {"transactions": rng.choice([2, 5, 10, 20]), "end": kind, "point": f"{point}:{rng.randrange(1, CRASH_POINTS[point] + 1)}",
                "events": [(rng.random(), rng.choice(events)) for _ in range(rng.choice([0, 0, 1, 2]))]}

    def __repr__(self):
        return "\n".join(f"{k} {v}" for k, v in vars(self).items() if k != "rng")


class Runner:
    def __init__(self, server, redis, stub, directory):
        self.server, self.redis, self.stub = server, redis, stub
        self.dir = pathlib.Path(directory)
        self.dir.mkdir()
        self.count = dict.fromkeys(["runs", "documents", "operations", "letters", "samples", "compared", "deaths", "restarts"], 0)
        self.points, self.events = {}, {}
        bookshop.make(server)
        bookshop.identify(server, stub.url, self.dir)

    # ---- one run ----
    def run(self, plan, spoil=None):
        """Returns a list of problems. `spoil(self)` is called before the judgement."""
        self.plan, self.daemon = plan, None
        self.folder = self.dir / "run"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        indexes = bookshop.write_schema(plan.schema, self.folder / "schema.json")
        self.stub.control("wipe")
        if plan.poison:
            self.stub.control(f"strict?field=title&value={bookshop.POISON}")
        self.redis.flushall()
        (self.redis.dir / "dump.rdb").unlink(missing_ok=True)  # of a run before, with another schema file
        self.links = {name: TcpLink(port) for name, port in (("pg", self.server.port), ("redis", self.redis.port), ("engine", self.stub.port))} \
            if plan.linked else {}
        slot = f"{DATABASE}_{indexes[0]}"
        with bookshop.Load(self.server, random.Random(f"load {plan.seed}"), indexes, plan.poison) as self.load:
            self.load.fill()
            self.server.rows(DATABASE, "SELECT pg_create_logical_replication_slot(%s, 'pgsync')", (slot,))
            self.witness = Witness(self.load, self.stub, self.server, slot, indexes)
            self.witness.start()
            try:
                self.stub.control(f"chaos?seed={plan.seed}&rate={plan.chaos}")
                for life in plan.lives:
                    self.live(life)
                self.peace()
            except (AssertionError, TimeoutError) as e:
                return [f"end of run: {str(e)[:500]}", *self.last_words()]
            finally:
                self.witness.stop()
                if self.daemon:
                    self.daemon.end()
                for link in self.links.values():
                    link.close()
                bookshop.drop_slots(self.server)
        if spoil:
            spoil(self)
        problems, documents, operations, letters = self.witness.judge()
        for name, value in (("runs", 1), ("documents", documents), ("operations", operations), ("letters", letters), ("samples", self.witness.samples),
                            ("compared", self.witness.compared)):
            self.count[name] += value
        return problems

    def last_words(self):
        return [line for line in (self.daemon.text().splitlines() if self.daemon else []) if line.strip()][-4:]

    def port(self, name, server):
        return self.links[name].port if self.links else server.port

    def start(self, point=None):
        plan = self.plan
        queue = "memory:" if plan.queue == "memory" else f"redis://127.0.0.1:{self.port('redis', self.redis)}/0"
        developer = f"batch_bytes={plan.batch_bytes} take_bytes={plan.take_bytes} record_ms={plan.record_ms}"
        extra = {"PGSYNC_DEVELOPER": developer, "LOG_INTERVAL": 60, "PG_PORT": self.port("pg", self.server)}
        if point:
            extra["PGSYNC_CRASH_POINT"] = point
        args = ["run", "schema.json", "--target", f"http://127.0.0.1:{self.port('engine', self.stub)}", "--queue", queue, "--workers", plan.workers]
        self.daemon = program.Consumer(args, program.environment(self.server, extra), self.folder, self.folder / "consumer.log")
        self.streams = self.streaming()
        self.daemon.start()

    def streaming(self):
        log = self.folder / "consumer.log"
        return log.read_text(errors="replace").count("streaming slot") if log.exists() else 0

    def is_up(self):
        return self.streaming() > self.streams or not self.daemon.running()

    def ended_by_itself(self):
        """A daemon that gave up may only have done so because a server was away; what runs daemons starts it again."""
        status = self.daemon.wait(5)
        if status == -signal.SIGKILL:
            return
        words = "\n".join(self.last_words())
        assert self.upset and status in (1, 3) and AWAY.search(words), f"the daemon ended with {status}: {words}"
        self.count["restarts"] += 1

    def live(self, life):
        self.start(life["point"] if life["end"] == "crash" else None)
        self.upset = life["end"] == "postgres" or self.plan.chaos > 0
        events = sorted(life["events"])
        wait_for("the stream, or its end", self.is_up, 30)
        for i in range(life["transactions"]):
            while events and events[0][0] <= i / life["transactions"]:
                self.event(events.pop(0)[1])
            self.load.one()
        if life["end"] == "crash":
            self.await_crash(life)
        elif self.daemon.running() and life["end"] == "term":
            status = self.daemon.terminate()
            assert status == 0 or AWAY.search("\n".join(self.last_words())), f"SIGTERM was answered with {status}"
        elif life["end"] == "postgres":
            self.server.kill9()
            self.server.start()
            self.load.reconnect()
        elif self.daemon.running():
            self.daemon.kill9()
        self.heal()
        if life["end"] == "postgres":
            self.load.one()
            if self.daemon.running():
                self.daemon.kill9()
        self.ended_by_itself() if life["end"] != "term" else self.daemon.end()

    def await_crash(self, life):
        position = self.load.positions[-1]
        wait_for(lambda: f"the crash, or {position} to be confirmed; it is {self.server.confirmed(self.witness.slot)}, and of the daemon "
                         f"{self.server.rows('postgres', 'SELECT state, sent_lsn, write_lsn, flush_lsn FROM pg_stat_replication')}",
                 lambda: not self.daemon.running() or (self.server.confirmed(self.witness.slot) or 0) >= position, 20)
        point = life["point"].split(":")[0]
        # The server may confirm what the daemon has sent before the daemon passes the point that is right behind the sending.
        try:
            wait_for("the crash behind the confirmation", lambda: not self.daemon.running(), 2 if point == "feedback" else 0)
        except TimeoutError:
            self.daemon.kill9()
            return
        if self.daemon.wait(5) == -signal.SIGKILL:
            self.points[point] = self.points.get(point, 0) + 1
            self.count["deaths"] += 1

    # ---- faults ----
    def event(self, what):
        self.upset = True
        self.events[what] = self.events.get(what, 0) + 1
        server, _, kind = what.partition(" ")
        if what == "walsender":
            self.server.rows("postgres", "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
        elif what == "pause":
            if self.daemon.running():
                self.daemon.signal(signal.SIGSTOP)
                self.load.one()
                self.daemon.signal(signal.SIGCONT)
        elif what == "ddl":
            self.load.ddl()
        elif what == "redis flush":
            self.redis.flushall()
        elif what == "redis kill":
            self.redis.kill9()
            self.load.one()
            self.redis.start()
        elif what == "redis full":
            self.redis.command("CONFIG", "SET", "maxmemory", "1")
            self.during(lambda: self.redis.command("CONFIG", "SET", "maxmemory", "0"))
        elif what == "redis evict":
            self.redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
            self.redis.command("CONFIG", "SET", "maxmemory", "1")
            self.during(lambda: self.redis.command("CONFIG", "SET", "maxmemory", "0"))
            self.redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        elif what == "redis readonly":
            self.redis.command("REPLICAOF", "127.0.0.1", "1")
            self.during(lambda: self.redis.command("REPLICAOF", "NO", "ONE"))
        elif what == "redis old dump":
            self.redis.command("SAVE")
            self.during(lambda: self.redis.command("DEBUG", "RELOAD", "NOSAVE"))
        elif kind == "cut":
            self.links[server].cut()
        elif kind == "delay":
            self.links[server].delay(0.02)
            self.during(self.links[server].heal)
        elif kind == "silence":
            self.links[server].silence()
            self.during(self.links[server].heal)

    def during(self, end):
        for _ in range(3):
            self.load.one()
        end()

    def heal(self):
        for link in self.links.values():
            link.heal()

    def peace(self):
        self.heal()
        self.stub.control("chaos?seed=0&rate=0")
        for _ in range(3):
            self.start()
            wait_for("the stream", self.is_up, 60)
            if self.daemon.running():
                break
            self.ended_by_itself()
        position = self.load.positions[-1]

        def done():
            self.daemon.must_run()
            return (self.server.confirmed(self.witness.slot) or 0) >= position and all(
                (self.stub.state(i) or {}).get("load", {}).get("complete") for i in self.witness.indexes)
        wait_for(lambda: f"peace: {position} to be confirmed; it is {self.server.confirmed(self.witness.slot)}", done, 60)
        status = self.daemon.terminate()
        assert status == 0, f"SIGTERM was answered with {status} in peace"

    # ---- failures ----
    def keep(self, folder, problems):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "plan.txt").write_text(f"{self.plan!r}\n")
        (folder / "problems.txt").write_text("\n".join(problems) + "\n")
        (folder / "history.sql").write_text("".join(f"-- commit {position}\n" + "".join(f"{s};\n" for s in sql) for position, sql in
                                                    self.load.noted()))
        (folder / "operations.txt").write_text("".join(f"{o}\n" for o in self.stub.ops()))
        for path in (self.folder / "consumer.log", self.folder / "schema.json"):
            if path.exists():
                shutil.copy(path, folder)
