"""From samples to the table and the targets. Everything is a median over the rounds; a ratio is one of medians of rates, and its range is that
of the rounds' own ratios, because the variants of one round ran one after the other."""
from lib.report import cpu_us, figures, target, targets_text

# workload -> ((variant, least ratio of our rate to its rate), …)
LIMITS = {"flat": (("peer", 12), ("copy", 0.5), ("json_agg", None)), "nested": (("peer", 12), ("json_agg", 3), ("copy", None)),
          "deep": (("peer", None), ("json_agg", None), ("copy", None))}
PEAK_MB = 128


class Results:
    """samples[workload][variant] = the runs' dicts, in the order of the rounds."""

    def __init__(self, samples):
        self.samples = samples

    def line(self, workload, variant):
        return {"workload": workload, "variant": variant, **figures(self.samples[workload][variant], "documents")}

    def lines(self):
        return [self.line(w, v) for w in self.samples for v in self.samples[w]]

    def targets(self):
        out = []
        for workload, variants in self.samples.items():
            ours = self.line(workload, "pgsync")
            for variant, limit in LIMITS[workload]:
                if variant not in variants:
                    continue
                theirs = self.line(workload, variant)
                pairs = [b["seconds"] / b["documents"] / (a["seconds"] / a["documents"]) for a, b in zip(variants["pgsync"], variants[variant])]
                out.append(target(f"rate / {variant}", workload, ours["documents_per_s"] / theirs["documents_per_s"], pairs,
                                  cpu_us(theirs) / cpu_us(ours), limit))
            out.append(target("peak memory, MB", workload, ours["peak_rss_mb"], None, None, PEAK_MB, at_most=True))
        return out

    def as_text(self, judged):
        out = [f"{'':<10}{'':<10}{'documents':>11}{'documents/s':>13}{'min .. max':>23}{'client us':>11}{'server us':>11}{'peak MB':>9}"]
        for x in self.lines():
            span = f"{x['min']:,.0f} .. {x['max']:,.0f}"
            out.append(f"{x['workload']:<10}{x['variant']:<10}{x['documents']:>11,}{x['documents_per_s']:>13,.0f}{span:>23}"
                       f"{x['client_us']:>11.1f}{x['server_us']:>11.1f}{x['peak_rss_mb']:>9.0f}")
        return "\n".join(out + targets_text(self.targets(), judged))
