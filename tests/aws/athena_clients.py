"""A program of Athena's users, with awswrangler and PyAthena and nothing of this project.

    python athena_clients.py s3://BUCKET/PREFIX/ DATABASE

It prints one line of JSON. Where the services answer is left to the environment. PyAthena's Arrow cursor is
not tried: it reads results by Arrow's own S3 client, to which it names no endpoint but AWS's.
"""

import json
import os
import sys

import awswrangler as wr
import pyathena
from pyathena.pandas.cursor import PandasCursor

output, database = sys.argv[1:]
SQL = 'SELECT class, "left" AS x, attributes, CAST(2 AS bigint) AS n FROM labels ORDER BY class DESC'
results = {}

frame = wr.athena.read_sql_query(SQL, database=database, s3_output=output, ctas_approach=False)
results["wrangler"] = [
    list(frame.columns),
    [str(kind) for kind in frame.dtypes],
    frame["class"].tolist(),
    int(frame["n"].sum()),
]

unloaded = wr.athena.read_sql_query(
    'SELECT class, "left" AS x, count(*) AS n FROM labels GROUP BY 1, 2 ORDER BY 1',
    database=database,
    s3_output=output + "unload/",
    ctas_approach=False,
    unload_approach=True,
    keep_files=False,
)
results["unload"] = [list(unloaded.columns), sorted(unloaded["class"].tolist()), int(unloaded["n"].sum())]

chunks = wr.athena.read_sql_query(
    "SELECT x FROM UNNEST(sequence(1, 2500)) AS t(x)",
    database=database,
    s3_output=output,
    ctas_approach=False,
    chunksize=1000,
)
results["chunks"] = [len(chunk) for chunk in chunks]

safe = wr.athena.read_sql_query(
    "SELECT class FROM labels WHERE class = :kind",
    database=database,
    s3_output=output,
    ctas_approach=False,
    params={"kind": "Ca'r"},
    paramstyle="named",
)
results["parameters"] = len(safe)

try:
    wr.athena.read_sql_query(SQL, database=database, s3_output=output, ctas_approach=True)
except Exception as error:
    results["ctas"] = str(error)

connection = pyathena.connect(s3_staging_dir=output, schema_name=database)
cursor = connection.cursor()
cursor.execute(SQL)
results["pyathena"] = [
    [column[:2] for column in cursor.description],
    [list(map(str, row)) for row in cursor.fetchall()],
]
cursor.execute("SELECT count(*) FROM labels WHERE class = %(kind)s", {"kind": "Car"})
results["pyathena parameters"] = cursor.fetchone()[0]
try:
    cursor.execute("SELECT nothing FROM labels")
except pyathena.Error as error:
    results["pyathena error"] = str(error)
results["pandas"] = connection.cursor(PandasCursor).execute(SQL).as_pandas()["class"].tolist()
results["pandas unload"] = (
    connection.cursor(PandasCursor, unload=True).execute(SQL).as_pandas()["class"].tolist()
)
print(json.dumps(results), flush=True)
os._exit(0)  # Arrow of this time aborts now and then while the interpreter ends, its threads still there
