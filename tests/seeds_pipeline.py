"""The seed's kind of model on recorded jobs, to compare with; needs pandas and scikit-learn and nothing of ours."""

from pathlib import Path

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROOT = Path(__file__).resolve().parent.parent
LABEL = "memory.max_usage_in_bytes"
PARAMETERS = {"n_estimators": 120, "max_depth": 16, "max_features": 0.5}


def recorded_jobs() -> Path:
    """Return the real jobs of usegalaxy.org where they are, else the examples."""
    real = ROOT.parent / "shared" / "data" / "usegalaxy_org" / "bowtie2.csv"
    return real if real.exists() else ROOT / "examples" / "bowtie2.csv"


def read_table() -> pd.DataFrame:
    """Return the recorded jobs as the seed reads them."""
    return pd.read_csv(recorded_jobs(), keep_default_na=False)


def seeds_way(table: pd.DataFrame) -> Pipeline:
    """Fit the seed's kind of pipeline: scaled numbers, one-hot texts, the same forest."""
    features = table.drop(columns=LABEL)
    texts = [name for name in features if features[name].dtype.kind not in "if"]
    numbers = [name for name in features if name not in texts]
    encode = ColumnTransformer([("n", StandardScaler(), numbers), ("t", OneHotEncoder(handle_unknown="ignore"), texts)])
    return Pipeline([("encode", encode), ("model", ExtraTreesRegressor(**PARAMETERS))]).fit(features, table[LABEL])
