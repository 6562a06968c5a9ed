"""The seed's way to serve: a DataFrame of one row for each request, and the fitted Pipeline."""

import pandas as pd
from fastapi import FastAPI, Request
from seeds_pipeline import LABEL, read_table, seeds_way

app = FastAPI()
_table = read_table()
_pipeline = seeds_way(_table)
_types = _table.drop(columns=LABEL).dtypes


@app.get("/bowtie2/memory/")
async def memory(request: Request) -> dict[str, object]:
    """Predict one job, whose columns are the query's."""
    row = pd.DataFrame([dict(request.query_params)]).astype(_types)
    return {"Tool name": "bowtie2", "Required memory": int(_pipeline.predict(row)[0])}
