"""Every statement of the event store, by name.

Where a part depends on a metric, a comment such as `/*event*/` marks the place: `questions.py` fills it from terms.
"""

from __future__ import annotations

#: The version of both schemas; another one is refused.
SCHEMA = 2

# DuckDB: the requests, and what was taken over from which segment ------------------------------------------------

ROWS_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    batch BIGINT NOT NULL,   -- number of the load that brought it: rises, so that only new rows are folded
    t DOUBLE NOT NULL, s VARCHAR NOT NULL, u VARCHAR, r VARCHAR, v VARCHAR, why VARCHAR, w VARCHAR, p DOUBLE,
    c SMALLINT, f VARCHAR, us BIGINT, m VARCHAR, path VARCHAR, rx BIGINT, tx BIGINT,
    k BIGINT, route VARCHAR  -- the unit's key, the request's template
);
ALTER TABLE requests ADD COLUMN IF NOT EXISTS tp VARCHAR;  -- the trace; stores of before have it from now on
CREATE TABLE IF NOT EXISTS tracked (
    batch BIGINT NOT NULL, i BIGINT NOT NULL,  -- i: hash of the event's id, -1 for what a line of the log told
    k BIGINT NOT NULL, u VARCHAR NOT NULL, t DOUBLE NOT NULL, name VARCHAR NOT NULL, r VARCHAR NOT NULL,
    v VARCHAR NOT NULL, numbers VARCHAR NOT NULL, texts VARCHAR NOT NULL,  -- properties: JSON objects, by type
    mark VARCHAR NOT NULL, seen DOUBLE NOT NULL  -- fingerprint of an error; when the server got it
);
CREATE TABLE IF NOT EXISTS latest (  -- the latest start of a service's requests, of a rollout's exposure events
    kind VARCHAR NOT NULL, name VARCHAR NOT NULL, t DOUBLE NOT NULL
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
SELECT $batch, t, s, u, r, v, why, w, p, c, f, us, m, path, rx, tx, "#k", "#route", tp
FROM read_json($file, format = 'newline_delimited', columns = {t: 'DOUBLE', s: 'VARCHAR', u: 'VARCHAR', r: 'VARCHAR',
    v: 'VARCHAR', why: 'VARCHAR', w: 'VARCHAR', p: 'DOUBLE', c: 'SMALLINT', f: 'VARCHAR', us: 'BIGINT', m: 'VARCHAR',
    path: 'VARCHAR', rx: 'BIGINT', tx: 'BIGINT', "#k": 'BIGINT', "#route": 'VARCHAR', tp: 'VARCHAR'})
"""
LOAD_TRACKED = """
INSERT INTO tracked
SELECT $batch, i, k, u, t, name, r, v, numbers, texts, mark, seen
FROM read_json($file, format = 'newline_delimited', columns = {i: 'BIGINT', k: 'BIGINT', u: 'VARCHAR', t: 'DOUBLE',
    name: 'VARCHAR', r: 'VARCHAR', v: 'VARCHAR', numbers: 'VARCHAR', texts: 'VARCHAR', mark: 'VARCHAR',
    seen: 'DOUBLE'})
"""
BROUGHT = """
SELECT (SELECT count(*) FROM requests WHERE batch > $after) + (SELECT count(*) FROM tracked WHERE batch > $after) AS n
"""
TRACKED_IDS = "SELECT i FROM tracked WHERE i >= 0"
LATEST = "SELECT kind, name, t FROM latest"
DROP_LATEST = "DELETE FROM latest WHERE kind = $kind AND name = $name"
TAKE_LATEST = "INSERT INTO latest VALUES ($kind, $name, $t)"
DROP_SEGMENT = "DELETE FROM segments WHERE gateway = $gateway AND segment = $segment RETURNING newest"
TAKE_SEGMENT = "INSERT INTO segments VALUES ($gateway, $segment, $taken, $newest)"
ADVANCE = "UPDATE store SET batch = $batch, broken = broken + $broken"
#: Those requests of a service with the arm that they are in: the version that a rollout assigned, or the variant of a
#: flag that the unit was last exposed to.
ASKED_BY_VERSION = """
SELECT *, rowid AS place, v AS arm FROM requests
WHERE s = $service AND why = 'rollout' AND t >= $since AND t < $until AND /*those*/
"""
ASKED_BY_VARIANT = """
WITH asked AS MATERIALIZED (
    SELECT *, rowid AS place FROM requests
    WHERE s = $service AND why NOT IN ('preview', 'excluded') AND t >= $since AND t < $until AND /*those*/
), met AS (
    SELECT k AS key, t AS first, max(v) AS arm FROM tracked
    WHERE name = 'exposure' AND r = $rollout AND t >= $met AND t < $until AND k IN (SELECT k FROM asked) GROUP BY k, t
)
SELECT asked.*, met.arm FROM asked ASOF JOIN met ON asked.k = met.key AND asked.t >= met.first
"""
FAILING = """
SELECT t, coalesce(m, ''), coalesce(path, ''), coalesce(route, ''), coalesce(c, 0), coalesce(w, ''), us / 1000,
    coalesce(tp, ''), coalesce(v, '')
FROM (/*asked*/) WHERE arm = $candidate
ORDER BY t DESC, path
LIMIT $most
"""
FAILED = "(coalesce(c, 0) = 0 OR c >= 500 OR w IS DISTINCT FROM v)"
BESIDE = """
SELECT t, coalesce(m, ''), coalesce(path, ''), coalesce(route, ''), coalesce(c, 0), coalesce(w, ''), us / 1000,
    coalesce(tp, ''), coalesce(v, '')
FROM requests
WHERE rowid IN (SELECT max_by(place, t) FROM (/*asked*/) WHERE arm = $baseline GROUP BY coalesce(route, ''))
"""
OF_ROUTES = "coalesce(route, '') IN (SELECT unnest(string_split($routes, chr(10))))"
COUNTED = "SELECT count(*) FROM requests WHERE s = $service AND t >= $since AND t < $until"
WEIGHED = """
SELECT coalesce(sum(1 / p), 0), count(DISTINCT u) FROM requests
WHERE s = $service AND why = 'rollout' AND u IS NOT NULL AND p IS NOT NULL AND t >= $since AND t < $until
"""
#: First the unit's name is overwritten, so that the next checkpoint rewrites the column without it.
BLANK_UNIT = "UPDATE requests SET u = NULL, path = NULL, tp = NULL, t = -1 WHERE u = $unit"
DELETE_BLANKED = "DELETE FROM requests WHERE t < 0"
DELETE_OLD = "DELETE FROM requests WHERE t < $since"
BLANK_TRACKED = """
UPDATE tracked SET u = '', k = 0, numbers = '{}', texts = '{}', mark = '', t = -1 WHERE u = $unit
"""
DELETE_BLANKED_TRACKED = "DELETE FROM tracked WHERE t < 0"
DELETE_OLD_TRACKED = "DELETE FROM tracked WHERE t < $since"
OLD_SEGMENTS = """
DELETE FROM segments AS x WHERE newest < $since
    AND EXISTS (SELECT 1 FROM segments AS y WHERE y.gateway = x.gateway AND y.segment > x.segment)
RETURNING gateway, segment
"""
OF_CELL = """
batch > $folded AND batch <= $last AND s = $service AND why = 'rollout' AND k IS NOT NULL AND v IS NOT NULL
    AND t >= $since AND t < $until
"""
#: Requests of a service as what units do, whichever version they were for: of a flag, exposures alone make arms.
OF_VISITS = """
batch > $folded AND batch <= $last AND s = $service AND why NOT IN ('preview', 'excluded') AND k IS NOT NULL
    AND p IS NOT NULL AND t >= $since AND t < $until
"""
#: Requests of all services as what units do, those too that a rollout did not reach. Who is forced, or looks at a
#: preview, chose it.
OF_EVERYBODY = """
batch > $folded AND batch <= $last AND why IN ('rollout', 'none', 'outside', 'withdrawn') AND k IS NOT NULL
    AND p IS NOT NULL AND t >= $since AND t < $until
"""
#: Some units at a time, so that a long history does not take their memory.
OF_KEYS = "k >= $low AND k < $high"
#: What the requests of each unit say of each arm: first exposure, lines inside the sample, lines, and direct metrics.
UNIT_REQUESTS = """
SELECT k, CAST(v = $candidate AS INTEGER) AS arm, min(t) AS first, count(p) AS inside, count(*) AS req /*columns*/
FROM requests WHERE /*rows*/ AND /*keys*/ GROUP BY k, v = $candidate
"""
OF_EXPOSURES = """
batch > $folded AND batch <= $last AND name = 'exposure' AND r = $rollout AND t >= $since AND t < $until
"""
#: The same of exposures that an app tracked.
UNIT_EXPOSURES = """
SELECT k, CAST(v = $candidate AS INTEGER) AS arm, min(t) AS first, count(*) AS inside
FROM tracked WHERE /*rows*/ AND /*keys*/ GROUP BY k, v = $candidate
"""
UNIT_VISITS = "SELECT k, count(*) AS req FROM requests WHERE /*rows*/ AND /*keys*/ GROUP BY k"
#: Of a holdout: when units came first, by what of theirs no rollout can cause, and their names, which the draw is of.
UNIT_ARRIVALS = """
SELECT k, any_value(u) AS unit, min(t) AS first, count(*) AS inside, count(*) AS req
FROM requests WHERE /*rows*/ AND /*keys*/ GROUP BY k
"""
UNIT_SIGNS = """
SELECT k, any_value(u) AS unit, min(CASE WHEN name <> 'error' THEN t END) AS first,
    count(CASE WHEN name <> 'error' THEN 1 END) AS inside, count(*) AS act
FROM tracked WHERE /*rows*/ AND /*keys*/ GROUP BY k
"""
#: What requests and exposures say of units in arms that the cell does not compare.
UNIT_AWAY = "SELECT k, count(*) AS away FROM /*source*/ WHERE /*rows*/ AND /*keys*/ GROUP BY k"
OF_TRACKED = """
batch > $folded AND batch <= $last AND name <> 'exposure' AND t >= $since AND t < $until
"""
OF_ANY_TRACKED = "batch > $folded AND batch <= $last AND t >= $since AND t < $until"
#: Tracked events of a unit, and those that a metric of the stage is about.
UNIT_ACTIVITY = """
SELECT k, count(*) AS act, count(CASE WHEN /*named*/ THEN 1 END) AS out
FROM tracked WHERE /*rows*/ AND /*keys*/ GROUP BY k
"""
#: What exposed units did; `exposed`: unit, arm, time of the first exposure.
UNIT_EVENTS = """
SELECT x.key AS k, x.arm AS arm, /*columns*/
FROM /*source*/ AS e JOIN /*exposed*/ AS x ON e.k = x.key WHERE /*rows*/ AND /*keys*/ AND t >= first
GROUP BY x.key, x.arm
"""
#: The values among it of a quantile, in log bins.
UNIT_BINS = """
SELECT x.arm AS arm, /*bin*/ AS bin, count(*) AS times
FROM /*source*/ AS e JOIN exposed AS x ON e.k = x.key
WHERE /*rows*/ AND /*keys*/ AND t >= first AND /*selected*/ GROUP BY 1, 2
"""
UNIT_KEYS = "SELECT DISTINCT k FROM /*source*/ WHERE /*rows*/ AND /*keys*/"
CELL_ROWS = """
SELECT (SELECT count(*) FROM requests WHERE batch > $folded AND batch <= $last AND t >= $since AND t < $until)
    + (SELECT count(*) FROM tracked WHERE batch > $folded AND batch <= $last AND t >= $since AND t < $until) AS n
"""
#: What units did before an attempt, as covariates; `all`: a unit that was there at all has n = 1.
OF_PAST = """
batch > $folded AND batch <= $last AND s = $service AND why NOT IN ('preview', 'excluded') AND k IS NOT NULL
    AND p IS NOT NULL AND t >= $since AND t < $until
"""
UNIT_PAST = "SELECT k, count(*) AS here /*columns*/ FROM /*source*/ WHERE /*rows*/ AND /*keys*/ GROUP BY k"
#: Names that occurred, by unit and arm.
ROUTES = """
SELECT k, CAST(v = $candidate AS INTEGER) AS arm, route AS label, min(t) AS at
FROM requests WHERE /*rows*/ AND /*keys*/ AND route <> '' GROUP BY k, v = $candidate, route
"""
FAILED_ROUTES = """
SELECT k, CAST(v = $candidate AS INTEGER) AS arm, rtrim(CAST(c AS VARCHAR) || ' ' || route) AS label,
    min(t) AS at
FROM requests WHERE /*rows*/ AND /*keys*/ AND c >= 500 GROUP BY k, v = $candidate, c, route
"""
#: Those from the exposure on.
EVENT_NAMES = """
SELECT x.key AS k, x.arm AS arm, /*label*/ AS label, min(t) AS at
FROM /*source*/ AS e JOIN exposed AS x ON e.k = x.key
WHERE /*rows*/ AND t >= first AND /*label*/ <> '' GROUP BY x.key, x.arm, /*label*/
"""
SKEW = """
SELECT median(t - seen) AS skew FROM tracked WHERE seen >= (SELECT max(seen) FROM tracked) - $reach AND seen > 0
"""
VALUE_BINS = """
SELECT v = $candidate, /*bin*/, count(*) FROM requests WHERE /*rows*/ AND p IS NOT NULL AND /*selected*/ GROUP BY 1, 2
"""
CANDIDATE_UNITS = """
SELECT u, count(*) FILTER (c >= 500 OR w <> v), min(t) FROM requests
WHERE /*rows*/ AND r = $rollout AND v = $candidate GROUP BY u ORDER BY u
"""
#: The same of exposures that an app tracked, of units that were exposed or hurt anew. Hurt is who met an error
#: afterwards, its own or one of the service: all there were are counted again, which adds nothing to a yes.
EXPOSED_UNITS = """
WITH hurt AS (
    SELECT k, t, batch FROM tracked WHERE name = 'error' AND t >= $since AND t < $until AND batch <= $last
    UNION ALL
    SELECT k, t, batch FROM requests
    WHERE s = $service AND c >= 500 AND k IS NOT NULL AND t >= $since AND t < $until AND batch <= $last
), touched AS (
    SELECT k FROM hurt WHERE batch > $folded
    UNION DISTINCT
    SELECT k FROM tracked WHERE name = 'exposure' AND r = $rollout AND v = $candidate
        AND t >= $since AND t < $until AND batch > $folded AND batch <= $last
), met AS (
    SELECT k, max(u) AS unit, min(t) AS first FROM tracked
    WHERE name = 'exposure' AND r = $rollout AND v = $candidate AND t >= $since AND t < $until AND batch <= $last
        AND k IN (SELECT k FROM touched)
    GROUP BY k
)
SELECT met.unit, count(hurt.t), min(met.first)
FROM met LEFT JOIN hurt ON hurt.k = met.k AND hurt.t >= met.first
GROUP BY met.unit ORDER BY met.unit
"""
OF_VERSION = """
batch > $folded AND batch <= $last AND s = $service AND why IN ('rollout', 'none') AND k IS NOT NULL
    AND v = $version AND (w IS NULL OR w = v) AND p IS NOT NULL AND t >= $slot * $width
"""
OF_LESSON = """
batch > $folded AND batch <= $last AND s = $service AND why IN ('rollout', 'none') AND k IS NOT NULL
    AND v = $version AND (w IS NULL OR w = v) AND p IS NOT NULL AND t >= $since AND t < $until
"""
OF_VARIANT = """
batch > $folded AND batch <= $last AND name = 'exposure' AND r = $rollout AND v = $version
    AND t >= $since AND t < $until
"""
LESSON_UNITS = "SELECT k, min(t) AS first FROM /*source*/ WHERE /*rows*/ AND /*keys*/ GROUP BY k ORDER BY k"
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
    spec BLOB NOT NULL, until REAL NOT NULL, folded INTEGER NOT NULL,  -- the last batch in what is saved of it
    totals BLOB NOT NULL DEFAULT '[]',
    sealed BLOB,                                                       -- its last answers; nothing is added any more
    UNIQUE (rollout, attempt, stage)
);
CREATE TABLE IF NOT EXISTS columns (  -- what is saved of its units, by column
    cell INTEGER, part TEXT, name TEXT, data BLOB NOT NULL, PRIMARY KEY (cell, part, name)
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
CREATE TEMP TABLE seen (u TEXT, harms INTEGER, first_at REAL);
CREATE TEMP TABLE asked (u TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE fresh (metric INTEGER, u TEXT, slot INTEGER);
"""

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
#: Of the units in `asked`.
AMONG = """
SELECT count(*), ifnull(sum(x.harms > 0), 0), ifnull(min(x.first_at), 0)
FROM asked AS a JOIN exposed AS x ON x.attempt = :attempt AND x.u = a.u
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
    SELECT 1 FROM cell AS y WHERE y.rollout = x.rollout AND y.attempt = x.attempt AND y.sealed IS NULL)
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
