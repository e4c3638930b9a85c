"""One run on real servers: a random load, while daemon, engine, Redis and PostgreSQL each die by kill -9, in random order, in the middle of
work; then peace, and the witness judges. What the stub's log tells in faulty_run.py is read from the engine here, by searching.
"""
import pathlib
import random
import shutil
import threading

import bookshop
from bookshop import DATABASE
from faulty_run import AWAY
from harness import consumer as program
from harness.engine import EngineTarget
from harness.http import HttpError, request
from harness.processes import wait_for
from witness import Witness, by_key


class SearchedEngine:
    """The documents of a real engine as the stub's dump gives them."""

    def __init__(self, engine, indexes):
        self.engine, self.indexes = engine, indexes

    def all_hits(self):
        names = ",".join(f"{index}_*" for index in self.indexes)
        options = "ignore_unavailable=true&allow_no_indices=true"
        request("POST", f"{self.engine.url}/{names}/_refresh?{options}")
        answer = request("POST", f"{self.engine.url}/{names}/_search?{options}", {"size": 10000, "version": True, "query": {"match_all": {}}})
        assert not answer["_shards"]["failed"], answer["_shards"]
        return answer["hits"]["hits"]

    def state(self, index):
        return EngineTarget(self.engine).state(index)

    def ops(self):
        return []


class RealWitness(Witness):
    """O3 is judged by the versions that are seen: they never go back."""

    pause = 0.25

    def __init__(self, *args):
        super().__init__(*args)
        self.versions = {}

    def sample(self):
        try:
            super().sample()
        except (HttpError, OSError):
            return  # the engine is dead, or not ready: nothing can be read from it

    def seen(self, hits):
        for hit in hits:
            key = hit["_index"], hit["_id"]
            if hit["_version"] < self.versions.get(key, 0):
                self.violations.append(f"O3: the version of {key} went back from {self.versions[key]} to {hit['_version']}")
            self.versions[key] = hit["_version"]


class RealRunner:
    def __init__(self, server, redis, engine, directory):
        self.server, self.redis, self.engine = server, redis, engine
        self.dir = pathlib.Path(directory)
        self.dir.mkdir()
        self.count = dict.fromkeys(["runs", "documents", "samples", "compared", "restarts"], 0)
        self.kills = dict.fromkeys(["daemon", "engine", "redis", "postgres"], 0)
        bookshop.make(server)
        bookshop.identify(server, engine.url, self.dir)

    def run(self, seed, spoil=None):
        """Returns a list of problems."""
        rng = random.Random(f"real {seed}")
        self.folder = self.dir / "run"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        indexes = bookshop.write_schema(rng.choice(["books", "publishers", "both"]), self.folder / "schema.json")
        self.engine.drop_all()
        self.redis.flushall()
        self.options = ["--workers", rng.choice([1, 2, 3]), "--queue", rng.choice(["memory:", self.redis.url, self.redis.url])]
        self.developer = f"batch_bytes={rng.choice([1, 100, 262144])} record_ms={rng.choice([5, 20, 100])}"
        self.daemon = None
        self.slot = f"{DATABASE}_{indexes[0]}"
        with bookshop.Load(self.server, random.Random(f"load {seed}"), indexes, False) as self.load:
            self.load.fill()
            self.server.rows(DATABASE, "SELECT pg_create_logical_replication_slot(%s, 'pgsync')", (self.slot,))
            source = SearchedEngine(self.engine, indexes)
            self.witness = RealWitness(self.load, source, self.server, self.slot, indexes)
            self.witness.start()
            try:
                self.live(rng)
                self.peace(source, indexes)
            except (AssertionError, TimeoutError) as e:
                return [f"end of run: {str(e)[:800]}"]
            finally:
                self.witness.stop()
                if self.daemon:
                    self.daemon.end()
                bookshop.drop_slots(self.server)
        if spoil:
            spoil(self)
        problems, documents, _, _ = self.witness.judge()
        for name, value in (("runs", 1), ("documents", documents), ("samples", self.witness.samples), ("compared", self.witness.compared)):
            self.count[name] += value
        return problems

    # ---- what happens ----
    def live(self, rng):
        self.start()
        victims = ["daemon", "engine", "redis", "postgres"]
        rng.shuffle(victims)
        for victim in victims:
            for _ in range(rng.choice([2, 5, 10])):
                self.load.one()
            self.kill(victim, rng.random() * 0.05)
            for _ in range(rng.choice([0, 2])):
                self.load.one()
            self.back(victim)
            self.supervise()

    def kill(self, victim, after):
        """In the middle of what the load causes; of PostgreSQL right behind a commit, so that it is known what has committed."""
        if victim == "daemon" and not self.daemon.running():
            self.ended_by_itself()
            self.start()
        act = {"daemon": self.daemon.kill9, "engine": self.engine.kill9, "redis": self.redis.kill9}.get(victim)
        if act:
            error = []

            def strike():
                try:
                    act()
                except BaseException as e:  # noqa: BLE001  told below
                    error.append(e)
            timer = threading.Timer(after, strike)
            timer.start()
            while timer.is_alive():
                self.load.one()
            timer.join()
            if error:
                raise error[0]
        else:
            self.server.kill9()
            self.server.start()
            self.load.reconnect()
        self.kills[victim] += 1

    def back(self, victim):
        if victim == "daemon":
            self.start()
        elif victim == "engine":
            self.engine.start()
        elif victim == "redis":
            self.redis.start()

    def supervise(self):
        if not self.daemon.running():
            self.ended_by_itself()
            self.start()

    def ended_by_itself(self):
        status = self.daemon.wait(5)
        words = "\n".join(self.daemon.text().splitlines()[-4:])
        assert status in (1, 3) and AWAY.search(words), f"the daemon ended with {status}: {words}"
        self.count["restarts"] += 1

    def start(self):
        environment = program.environment(self.server, {"PGSYNC_DEVELOPER": self.developer, "LOG_INTERVAL": 60})
        self.daemon = program.Consumer(["run", "schema.json", "--target", self.engine.url, *self.options], environment, self.folder,
                                       self.folder / "consumer.log").start()

    def peace(self, source, indexes):
        position = self.load.positions[-1]

        def done():
            self.supervise()
            return (self.server.confirmed(self.slot) or 0) >= position and all(
                (source.state(i) or {}).get("load", {}).get("complete") for i in indexes)
        wait_for(lambda: f"peace: {position} to be confirmed; it is {self.server.confirmed(self.slot)}; {self.daemon.text()[-600:]}", done, 120, 0.1)
        self.witness.seen(source.all_hits())
        status = self.daemon.terminate()
        assert status == 0, f"SIGTERM was answered with {status} in peace"
        assert by_key(source.all_hits(), indexes) or not self.load.states[-1], "nothing was found"

    def keep(self, folder, problems):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "problems.txt").write_text("\n".join(problems) + "\n")
        (folder / "history.sql").write_text("".join(f"-- commit {position}\n" + "".join(f"{s};\n" for s in sql) for position, sql in
                                                    self.load.noted()))
        for path in (self.folder / "consumer.log", self.folder / "schema.json"):
            if path.exists():
                shutil.copy(path, folder)
