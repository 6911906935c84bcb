-- +goose Up
-- An alarm of what each node has for itself (a probe, a plugin, a resource, a link) is that node's own.
ALTER TABLE alarms ADD COLUMN owner TEXT NOT NULL DEFAULT ''; -- the node; empty: the store's
UPDATE alarms SET owner = node
    WHERE object LIKE 'probe/%' OR object LIKE 'plugin/%' OR object LIKE 'resource/%' OR object LIKE 'link/%';
DROP INDEX alarms_raised;
CREATE UNIQUE INDEX alarms_raised ON alarms (store, owner, object, condition) WHERE cleared = 0;

-- +goose Down
DROP INDEX alarms_raised;
DELETE FROM alarms WHERE cleared = 0 AND id NOT IN
    (SELECT max(id) FROM alarms WHERE cleared = 0 GROUP BY store, object, condition);
CREATE UNIQUE INDEX alarms_raised ON alarms (store, object, condition) WHERE cleared = 0;
ALTER TABLE alarms DROP COLUMN owner;
