"""From samples to the table and the targets. Everything is a median over the rounds; a ratio is one of medians of rates, and its range is that
of the rounds' own ratios, because the variants of one round ran one after the other."""
import statistics

from lib.report import figures, target, targets_text

# (workload, ours) -> ((variant, least ratio of our rate to its rate), …)
# Where all share the processors, the replay's lead is what PostgreSQL and the daemon use to make the documents: told, not judged.
INTO_ENGINE = (("replay", None), ("peer-engine", 1.0), ("parallel_sync", 1.0))
APART = (("replay-apart", 0.9),)
LIMITS = {
    ("flat", "pgsync"): (("peer", 12), ("copy", 0.5)),
    ("nested", "pgsync"): (("peer", 12), ("copy", None)),
    ("unindexed", "pgsync"): (("copy", None),),
    ("debian", "pgsync"): (("peer", None), ("copy", None)),
    **{(workload, "pgsync-engine"): INTO_ENGINE for workload in ("flat", "nested", "debian")},
    **{(workload, "pgsync-apart"): APART for workload in ("flat", "nested", "debian")},
}
UNINDEXED = 0.5  # of the rate of `nested`
PEAK_MB = 256
CPUS = ("client_us", "server_us", "engine_us")


class Results:
    """samples[workload][variant] = the runs' dicts, in the order of the rounds."""

    def __init__(self, samples):
        self.samples = samples

    def line(self, workload, variant):
        runs = self.samples[workload][variant]
        made = {"workload": workload, "variant": variant, **figures(runs, "documents")}
        made["engine_us"] = statistics.median(r.get("engine_cpu_s", 0) / r["documents"] * 1e6 for r in runs)
        made["server_share"] = made["server_us"] / sum(made[c] for c in CPUS)
        return made

    def lines(self):
        return [self.line(w, v) for w in self.samples for v in self.samples[w]]

    def ratio(self, name, workload, ours, theirs, limit):
        """`ours`, `theirs`: (workload, variant)."""
        a, b = self.line(*ours), self.line(*theirs)
        runs = zip(self.samples[ours[0]][ours[1]], self.samples[theirs[0]][theirs[1]])
        pairs = [y["seconds"] / y["documents"] / (x["seconds"] / x["documents"]) for x, y in runs]
        return target(name, workload, a["documents_per_s"] / b["documents_per_s"], pairs, sum(b[c] for c in CPUS) / sum(a[c] for c in CPUS), limit)

    def targets(self):
        out = []
        for workload, variants in self.samples.items():
            for ours in ("pgsync", "pgsync-engine", "pgsync-apart"):
                if ours not in variants:
                    continue
                for theirs, limit in LIMITS.get((workload, ours), ()):
                    if theirs in variants:
                        out.append(self.ratio(f"{ours} / {theirs}", workload, (workload, ours), (workload, theirs), limit))
                out.append(target(f"{ours}, peak MB", workload, self.line(workload, ours)["peak_rss_mb"], None, None, PEAK_MB, at_most=True))
        if all("pgsync" in self.samples.get(w, ()) for w in ("nested", "unindexed")):
            out.append(self.ratio("pgsync / nested's", "unindexed", ("unindexed", "pgsync"), ("nested", "pgsync"), UNINDEXED))
        return out

    def as_text(self, judged):
        out = [f"{'':<10}{'':<14}{'documents':>10}{'documents/s':>12}{'min .. max':>20}{'client us':>10}{'PG us':>7}{'engine us':>10}{'PG share':>9}"
               f"{'peak MB':>8}"]
        for x in self.lines():
            span = f"{x['min']:,.0f} .. {x['max']:,.0f}"
            peak = f"{x['peak_rss_mb']:.0f}" if x["peak_rss_mb"] else "-"
            out.append(f"{x['workload']:<10}{x['variant']:<14}{x['documents']:>10,}{x['documents_per_s']:>12,.0f}{span:>20}"
                       f"{x['client_us']:>10.1f}{x['server_us']:>7.1f}{x['engine_us']:>10.1f}{x['server_share']:>9.0%}{peak:>8}")
        return "\n".join(out + targets_text(self.targets(), judged))
