-- What EXPLAIN shows, with stable numbers only.
LOAD 'sluice';
SET sluice.mode = force;
SET sluice.min_cost = 0;
SET max_parallel_workers_per_gather = 2;
CREATE TABLE fact (k int, g int, v numeric(10,2));
INSERT INTO fact SELECT i, i % 5, i * 0.5 FROM generate_series(1, 10000) i;
CREATE TABLE dim (k int, name text);
INSERT INTO dim SELECT i, 'name ' || i FROM generate_series(1, 100) i;
ANALYZE fact;
ANALYZE dim;
SET sluice.workers = 0;
EXPLAIN (COSTS OFF) SELECT g, count(*), sum(v), avg(v) FROM fact WHERE k > 10 GROUP BY g;
EXPLAIN (COSTS OFF, VERBOSE) SELECT g, 100 * sum(v) / count(*) FROM fact GROUP BY g HAVING sum(v) > 10;
EXPLAIN (COSTS OFF) SELECT d.name, sum(f.v) FROM fact f JOIN dim d ON f.k = d.k GROUP BY d.name;
SET sluice.workers = 2;
EXPLAIN (COSTS OFF) SELECT g, count(*), sum(v), avg(v) FROM fact WHERE k > 10 GROUP BY g;
EXPLAIN (COSTS OFF) SELECT d.name, sum(f.v) FROM fact f JOIN dim d ON f.k = d.k GROUP BY d.name;
EXPLAIN (COSTS OFF, FORMAT YAML) SELECT count(*) FROM fact;
EXPLAIN (COSTS OFF, FORMAT JSON) SELECT count(*) FROM fact;
EXPLAIN (COSTS OFF, FORMAT XML) SELECT count(*) FROM fact;
SET sluice.workers = 0;
-- How much memory a table takes is not for this test.
CREATE FUNCTION explain_analyze(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
    RETURN NEXT regexp_replace(line, 'Memory: \d+kB', 'Memory: NkB');
  END LOOP;
END $$;
SELECT explain_analyze($$
  SELECT d.name, sum(f.v) FROM fact f JOIN dim d ON f.k = d.k GROUP BY d.name
$$);
DROP FUNCTION explain_analyze;
DROP TABLE fact, dim;
