-- The configuration variables: defaults, bounds, PostgreSQL's own errors.
LOAD 'sluice';
SHOW sluice.mode;
SHOW sluice.workers;
SHOW sluice.exchange_memory;
SET sluice.mode = force;
SHOW sluice.mode;
SET sluice.mode = 'sometimes';
SET sluice.workers = -2;
SET sluice.workers = 1000;
SET sluice.workers = 'many';
SET sluice.exchange_memory = '1kB';
SET sluice.exchange_memory = '32MB';
SHOW sluice.exchange_memory;
SET sluice.min_cost = -1;
SET sluice.min_cost = 0;
SET sluice.no_such_setting = 1;
RESET sluice.mode;
SHOW sluice.mode;
