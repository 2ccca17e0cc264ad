\echo Use "CREATE EXTENSION sluice" to load this file. \quit

CREATE FUNCTION version() RETURNS text
AS 'MODULE_PATHNAME', 'sluice_version'
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION version() IS 'version of the loaded Sluice library';

CREATE FUNCTION why_not(query text) RETURNS text
AS 'MODULE_PATHNAME', 'sluice_why_not'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION why_not(text) IS
  'why Sluice does not take a query, or parts of it; NULL when it takes all';
