"""Every statement of the event store, by name.

Where a part depends on a metric, a comment such as `/*event*/` marks the place: `questions.py` fills it from terms.
"""

from __future__ import annotations

#: The version of both schemas; another one is refused.
SCHEMA = 1

# DuckDB: the requests, and what was taken over from which segment ------------------------------------------------

ROWS_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    batch BIGINT NOT NULL,   -- number of the load that brought it: rises, so that only new rows are folded
    t DOUBLE NOT NULL, s VARCHAR NOT NULL, u VARCHAR, r VARCHAR, v VARCHAR, why VARCHAR, w VARCHAR, p DOUBLE,
    c SMALLINT, f VARCHAR, us BIGINT, m VARCHAR, path VARCHAR, rx BIGINT, tx BIGINT
);
CREATE TABLE IF NOT EXISTS segments (
    gateway VARCHAR NOT NULL, segment VARCHAR NOT NULL,
    taken BIGINT NOT NULL,   -- bytes of it that are in `requests`
    newest DOUBLE NOT NULL   -- the latest start of its requests
);
CREATE TABLE IF NOT EXISTS store (
    id VARCHAR NOT NULL, schema INTEGER NOT NULL, batch BIGINT NOT NULL, broken BIGINT NOT NULL
);
INSERT INTO store SELECT uuid()::VARCHAR, $schema, 0, 0 WHERE NOT EXISTS (FROM store);
"""
STORE = "SELECT id, schema, batch, broken FROM store"
SEGMENTS = "SELECT gateway, segment, max(taken) FROM segments GROUP BY ALL"
LOAD = """
INSERT INTO requests
SELECT $batch, t, s, u, r, v, why, w, p, c, f, us, m, path, rx, tx FROM read_json($file, format = 'newline_delimited',
    columns = {t: 'DOUBLE', s: 'VARCHAR', u: 'VARCHAR', r: 'VARCHAR', v: 'VARCHAR', why: 'VARCHAR', w: 'VARCHAR',
        p: 'DOUBLE', c: 'SMALLINT', f: 'VARCHAR', us: 'BIGINT', m: 'VARCHAR', path: 'VARCHAR', rx: 'BIGINT',
        tx: 'BIGINT'})
"""
DROP_SEGMENT = "DELETE FROM segments WHERE gateway = $gateway AND segment = $segment RETURNING newest"
TAKE_SEGMENT = "INSERT INTO segments VALUES ($gateway, $segment, $taken, $newest)"
ADVANCE = "UPDATE store SET batch = $batch, broken = broken + $broken"
COUNTED = "SELECT count(*) FROM requests WHERE s = $service AND t >= $since AND t < $until"
#: First the unit's name is overwritten, so that the next checkpoint rewrites the column without it.
BLANK_UNIT = "UPDATE requests SET u = NULL, path = NULL, t = -1 WHERE u = $unit"
DELETE_BLANKED = "DELETE FROM requests WHERE t < 0"
DELETE_OLD = "DELETE FROM requests WHERE t < $since"
OLD_SEGMENTS = """
DELETE FROM segments AS x WHERE newest < $since
    AND EXISTS (SELECT 1 FROM segments AS y WHERE y.gateway = x.gateway AND y.segment > x.segment)
RETURNING gateway, segment
"""
OF_CELL = """
batch > $folded AND batch <= $last AND s = $service AND why = 'rollout' AND u IS NOT NULL AND v IS NOT NULL
    AND t >= $since AND t < $until
"""
#: Ordered by unit: neighbours in the tree of sums are written together, and a new tree from left to right.
UNIT_DELTAS = "SELECT v = $candidate, u, /*columns*/ FROM requests WHERE /*rows*/ GROUP BY 1, 2 ORDER BY u"
UNIT_COLUMNS = """
count(*) FILTER (p IS NOT NULL AND /*selected*/), count(*) FILTER (p IS NOT NULL AND /*event*/),
count(*) FILTER (p IS NOT NULL AND /*over*/), count(*) FILTER (/*event*/)
"""
VALUE_BINS = """
SELECT v = $candidate, /*bin*/, count(*) FROM requests WHERE /*rows*/ AND p IS NOT NULL AND /*selected*/ GROUP BY 1, 2
"""
CANDIDATE_UNITS = """
SELECT u, count(*) FILTER (c >= 500 OR w <> v), min(t) FROM requests
WHERE /*rows*/ AND r = $rollout AND v = $candidate GROUP BY u ORDER BY u
"""
OF_VERSION = """
batch > $folded AND batch <= $last AND s = $service AND why IN ('rollout', 'none') AND u IS NOT NULL
    AND v = $version AND (w IS NULL OR w = v) AND p IS NOT NULL AND t >= $slot * $width
"""
LEARN = """
SELECT floor(t / $width)::BIGINT, count(*), count(*) FILTER (/*event*/)
FROM requests WHERE /*rows*/ AND /*selected*/ GROUP BY 1
"""
LEARN_BINS = """
SELECT floor(t / $width)::BIGINT, /*bin*/, count(*) FROM requests WHERE /*rows*/ AND /*selected*/ GROUP BY 1, 2
"""
LEARN_UNITS = "SELECT u, /*columns*/ FROM requests WHERE /*rows*/ GROUP BY u ORDER BY u"
LEARN_COLUMN = "max(floor(t / $width)::BIGINT) FILTER (/*selected*/)"

# SQLite: sums per unit and their totals ----------------------------------------------------------------------------

SUMS_SCHEMA = """
CREATE TABLE IF NOT EXISTS store (id TEXT NOT NULL, schema INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS cell (
    id INTEGER PRIMARY KEY, rollout TEXT NOT NULL, attempt INTEGER NOT NULL, stage INTEGER NOT NULL,
    spec BLOB NOT NULL, until REAL NOT NULL, folded INTEGER NOT NULL, sealed INTEGER NOT NULL DEFAULT 0,
    UNIQUE (rollout, attempt, stage)
);
CREATE TABLE IF NOT EXISTS unit_sums (
    cell INTEGER, u TEXT, metric INTEGER, arm INTEGER,           -- all of a unit on one page
    n INTEGER NOT NULL, y INTEGER NOT NULL, o INTEGER NOT NULL,  -- requests, events, over: units inside the sample
    f INTEGER NOT NULL,                                          -- events among all lines kept
    PRIMARY KEY (cell, u, metric, arm)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS arm_sums (
    cell INTEGER, metric INTEGER, arm INTEGER,
    units INTEGER NOT NULL, requests INTEGER NOT NULL, events INTEGER NOT NULL,
    yy INTEGER NOT NULL, yn INTEGER NOT NULL, nn INTEGER NOT NULL, first INTEGER NOT NULL, failures INTEGER NOT NULL,
    over INTEGER NOT NULL, over_yy INTEGER NOT NULL, over_yn INTEGER NOT NULL,
    PRIMARY KEY (cell, metric, arm)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bins (
    cell INTEGER, metric INTEGER, arm INTEGER, bin INTEGER, n INTEGER NOT NULL, PRIMARY KEY (cell, metric, arm, bin)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempt (
    id INTEGER PRIMARY KEY, rollout TEXT NOT NULL, attempt INTEGER NOT NULL,
    spec BLOB NOT NULL, since REAL NOT NULL, folded INTEGER NOT NULL,
    units INTEGER NOT NULL DEFAULT 0, harmed INTEGER NOT NULL DEFAULT 0, first_at REAL NOT NULL DEFAULT 0,
    sealed INTEGER NOT NULL DEFAULT 0, UNIQUE (rollout, attempt)
);
CREATE TABLE IF NOT EXISTS exposed (
    attempt INTEGER, u TEXT, harms INTEGER NOT NULL, first_at REAL NOT NULL, PRIMARY KEY (attempt, u)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS learning (
    id INTEGER PRIMARY KEY, spec BLOB NOT NULL UNIQUE, slot INTEGER NOT NULL, folded INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS learnt (
    learning INTEGER, metric INTEGER, slot INTEGER, n INTEGER NOT NULL, y INTEGER NOT NULL,
    units INTEGER NOT NULL,  -- whose last request of the metric fell into this slot
    PRIMARY KEY (learning, metric, slot)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS learnt_bins (
    learning INTEGER, metric INTEGER, slot INTEGER, bin INTEGER, n INTEGER NOT NULL,
    PRIMARY KEY (learning, metric, slot, bin)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS learnt_units (
    learning INTEGER, u TEXT, metric INTEGER, slot INTEGER NOT NULL, PRIMARY KEY (learning, u, metric)
) WITHOUT ROWID;
CREATE TEMP TABLE delta (metric INTEGER, arm INTEGER, u TEXT, n INTEGER, y INTEGER, o INTEGER, f INTEGER);
CREATE TEMP TABLE seen (u TEXT, harms INTEGER, first_at REAL);
CREATE TEMP TABLE fresh (metric INTEGER, u TEXT, slot INTEGER);
"""

#: `caps`: JSON list, by metric, of the events of a unit that count.
#: Totals change by what the capped contribution of each touched unit changes: O(touched), never O(units).
FOLD_TOTALS = """
INSERT INTO arm_sums
SELECT :cell, metric, arm,
    sum((n1 > 0) - (n0 > 0)), sum(n1 - n0), sum(y1 - y0),
    sum(y1 * y1 - y0 * y0), sum(y1 * n1 - y0 * n0), sum(n1 * n1 - n0 * n0),
    sum((f1 > 0) - (f0 > 0)), sum(f1 - f0),
    sum(o1 - o0), sum(o1 * o1 - o0 * o0), sum(o1 * n1 - o0 * n0)
FROM (
    SELECT d.metric, d.arm, ifnull(x.n, 0) AS n0, ifnull(x.n, 0) + d.n AS n1,
        min(ifnull(x.y, 0), c.value) AS y0, min(ifnull(x.y, 0) + d.y, c.value) AS y1,
        min(ifnull(x.o, 0), c.value) AS o0, min(ifnull(x.o, 0) + d.o, c.value) AS o1,
        ifnull(x.f, 0) AS f0, ifnull(x.f, 0) + d.f AS f1
    FROM delta AS d JOIN json_each(:caps) AS c ON c.key = d.metric
    LEFT JOIN unit_sums AS x ON x.cell = :cell AND x.metric = d.metric AND x.arm = d.arm AND x.u = d.u
)
WHERE true GROUP BY metric, arm
ON CONFLICT DO UPDATE SET units = units + excluded.units, requests = requests + excluded.requests,
    events = events + excluded.events, yy = yy + excluded.yy, yn = yn + excluded.yn, nn = nn + excluded.nn,
    first = first + excluded.first, failures = failures + excluded.failures, over = over + excluded.over,
    over_yy = over_yy + excluded.over_yy, over_yn = over_yn + excluded.over_yn
"""
#: By sign: rows that come in, and rows that go out again because the end of the stage moved.
DELTA = {
    1: "INSERT INTO delta VALUES (?, ?, ?, ?, ?, ?, ?)",
    -1: "INSERT INTO delta VALUES (?, ?, ?, -?, -?, -?, -?)",
}
FOLD_UNITS = """
INSERT INTO unit_sums SELECT :cell, u, metric, arm, n, y, o, f FROM delta WHERE true
ON CONFLICT DO UPDATE SET n = n + excluded.n, y = y + excluded.y, o = o + excluded.o, f = f + excluded.f
"""
FORGET_DELTA = """
INSERT INTO delta SELECT metric, arm, u, -n, -y, -o, -f FROM unit_sums WHERE cell = :cell AND u = :unit
"""
FOLD_BINS = "INSERT INTO bins VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"
ARM_SUMS = """
SELECT metric, arm, units, requests, events, yy, yn, nn, first, failures, over, over_yy, over_yn
FROM arm_sums WHERE cell = :cell
"""
BINS = "SELECT metric, arm, bin, n FROM bins WHERE cell = :cell AND n > 0 ORDER BY metric, arm, bin"
MORE_EXPOSURE = """
UPDATE attempt SET
    units = units + (SELECT count(*) FROM seen AS d LEFT JOIN exposed AS x ON x.attempt = :attempt AND x.u = d.u
        WHERE x.u IS NULL),
    harmed = harmed + (SELECT count(*) FROM seen AS d LEFT JOIN exposed AS x ON x.attempt = :attempt AND x.u = d.u
        WHERE d.harms > 0 AND ifnull(x.harms, 0) = 0),
    first_at = (SELECT min(first_at) FROM (SELECT first_at FROM seen UNION ALL
        SELECT first_at FROM attempt WHERE id = :attempt AND units > 0))
WHERE id = :attempt
"""
MORE_EXPOSED = """
INSERT INTO exposed SELECT :attempt, u, harms, first_at FROM seen WHERE true
ON CONFLICT DO UPDATE SET harms = harms + excluded.harms, first_at = min(first_at, excluded.first_at)
"""
LESS_EXPOSURE = """
UPDATE attempt SET units = units - 1, harmed = harmed - :harmed,
    first_at = ifnull((SELECT min(first_at) FROM exposed WHERE attempt = :attempt), 0)
WHERE id = :attempt
"""
ATTEMPTS = """
SELECT id, spec, (SELECT min(since) FROM attempt AS y WHERE y.rollout = x.rollout AND y.attempt > x.attempt),
    folded, sealed
FROM attempt AS x
"""
ENDED_ATTEMPTS = """
SELECT id FROM attempt AS x WHERE NOT sealed AND NOT EXISTS (
    SELECT 1 FROM cell AS y WHERE y.rollout = x.rollout AND y.attempt = x.attempt AND NOT y.sealed)
"""

#: A unit counts in the slot of its last request, so that those of a window are a sum over slots.
NEW_LEARNT_UNITS = """
INSERT INTO learnt
SELECT :learning, metric, slot, 0, 0, sum(n) FROM (
    SELECT d.metric, d.slot, 1 AS n FROM fresh AS d LEFT JOIN learnt_units AS x
        ON x.learning = :learning AND x.metric = d.metric AND x.u = d.u WHERE x.u IS NULL OR x.slot < d.slot
    UNION ALL
    SELECT d.metric, x.slot, -1 FROM fresh AS d JOIN learnt_units AS x
        ON x.learning = :learning AND x.metric = d.metric AND x.u = d.u WHERE x.slot < d.slot
)
WHERE true GROUP BY metric, slot
ON CONFLICT DO UPDATE SET units = units + excluded.units
"""
MOVE_LEARNT_UNITS = """
INSERT INTO learnt_units SELECT :learning, u, metric, slot FROM fresh WHERE true
ON CONFLICT DO UPDATE SET slot = max(slot, excluded.slot)
"""
#: The same for units none of which is known yet.
FIRST_LEARNT_UNITS = "INSERT INTO learnt_units VALUES (?, ?, ?, ?)"
FOLD_LEARNT = """
INSERT INTO learnt VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET n = n + excluded.n, y = y + excluded.y, units = units + excluded.units
"""
FOLD_LEARNT_BINS = "INSERT INTO learnt_bins VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"
LEARNT = """
SELECT metric, sum(n), sum(y), sum(units) FROM learnt WHERE learning = :learning AND slot >= :slot GROUP BY metric
"""
LEARNT_BINS = """
SELECT metric, bin, sum(n) FROM learnt_bins WHERE learning = :learning AND slot >= :slot
GROUP BY metric, bin ORDER BY metric, bin
"""
