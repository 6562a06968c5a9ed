"""The least that FastAPI can do, to compare with."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def hello() -> dict[str, str]:
    """Answer."""
    return {"hello": "world"}
