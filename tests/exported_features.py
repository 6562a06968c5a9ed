"""Exports a Galaxy's database, and says where the exported jobs differ from how the rule described them live.

exported_features.py URL FOLDER LIVE.json: LIVE.json holds a JobDescription by job id; the differences go to stdout.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from galaxy_memory_rules.messages import parse_job
from trainer import canonical
from trainer.__main__ import main
from trainer.features import FeatureSchema

address, folder, live_file = sys.argv[1:]
if main(["export", "--database", address, "-o", folder]):
    sys.exit("the export failed")
live = {job: parse_job(told) for job, told in json.loads(Path(live_file).read_text()).items()}
exported = {record.job_id: record.job for file in Path(folder).glob("*.parquet") for record in canonical.read(file)}
# as training does; what the job was given of cores nobody knows before
schema = FeatureSchema.learn(list(exported.values()))
differences = {}
for job, described in live.items():
    found = exported.get(job)
    if found is None or schema.features(found) != schema.features(described) or replace(found, slots=None) != described:
        differences[job] = {"live": described.to_dict(), "exported": found and found.to_dict()}
print(json.dumps({"jobs": len(live), "columns": len(schema.columns), "differences": differences}))
