"""Scratch."""

import json, sys, time
from collections import Counter, defaultdict
from pathlib import Path
from extproc.detection.catalogue import BUILT_IN
from extproc.detection.detector import Detector

name = sys.argv[1] if len(sys.argv) > 1 else "first"
verbose = sys.argv[2:]
recs = [json.loads(l) for l in open(Path(__file__).with_name("corpus") / f"{name}.jsonl")]
d = Detector(BUILT_IN)
tp, fp, fn = Counter(), Counter(), Counter()
texts = [r["text"].encode() for r in recs]
t0 = time.process_time()
res = [d.findings(t) for t in texts]
dt = time.process_time() - t0
print("MB/s", sum(map(len, texts)) / dt / 1e6)
for r, t, found in zip(recs, texts, res):
    got = {(f.type, len(t[: f.start].decode()), len(t[: f.end].decode())) for f in found}
    want = {(e["type"], e["start"], e["end"]) for e in r["entities"]}
    for x in got & want:
        tp[x[0]] += 1
    for x in got - want:
        fp[x[0]] += 1
        if x[0] in verbose or "all" in verbose:
            print("FP", x[0], repr(r["text"][x[1] : x[2]]), "|", repr(r["text"][max(0, x[1] - 40) : x[2] + 15]))
    for x in want - got:
        fn[x[0]] += 1
        if x[0] in verbose or "all" in verbose:
            print(
                "FN",
                x[0],
                repr(r["text"][x[1] : x[2]]),
                "|",
                repr(r["text"][max(0, x[1] - 40) : x[2] + 15]),
                [g for g in got if g[1] < x[2] and x[1] < g[2]],
            )
for k in sorted(set(tp) | set(fp) | set(fn)):
    print(
        f"{k:28} P {tp[k] / max(1, tp[k] + fp[k]):.3f} R {tp[k] / max(1, tp[k] + fn[k]):.3f}  tp {tp[k]} fp {fp[k]} fn {fn[k]}"
    )
