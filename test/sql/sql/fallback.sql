-- What Sluice does not support is PostgreSQL's, silently; EXPLAIN (VERBOSE) says why.
LOAD 'sluice';
SET sluice.mode = force;
SET sluice.min_cost = 0;
CREATE TABLE things (id int primary key, j jsonb, n numeric, f float8, a int[]);
INSERT INTO things SELECT i, '{}', i, i, array[i] FROM generate_series(1, 1000) i;
ANALYZE things;
EXPLAIN (COSTS OFF, VERBOSE) SELECT j, count(*) FROM things GROUP BY j;
EXPLAIN (COSTS OFF, VERBOSE) SELECT id % 2, array_agg(n) FROM (SELECT * FROM things ORDER BY f) q GROUP BY 1;
EXPLAIN (COSTS OFF, VERBOSE) SELECT percentile_disc(f / 2000) WITHIN GROUP (ORDER BY id) FROM things GROUP BY f;
EXPLAIN (COSTS OFF, VERBOSE) SELECT string_agg(id::text, ',') FROM things WHERE id < 4;
SELECT string_agg(id::text, ',') FROM things WHERE id < 4;
SELECT sum(n), count(DISTINCT id) FROM things;
SELECT count(*) FROM things x JOIN things y ON x.a = y.a;
SELECT * FROM things WHERE id = 7 FOR UPDATE;
SET sluice.mode = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM things;
DROP TABLE things;
