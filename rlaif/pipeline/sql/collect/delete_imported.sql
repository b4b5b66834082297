-- Deletes what the last collection imported, except the prompts, which stay as facts. A response that is collected again
-- keeps the time of its first collection and the pairings that were made before it.
CREATE OR REPLACE TEMP TABLE came AS
SELECT key, min(created) AS created, min(coalesce(kept_after, 0)) AS kept_after
FROM responses SEMI JOIN (FROM generators WHERE spec = '{"kind": "imported"}') AS imported ON imported.key = generator
GROUP BY key;
DELETE FROM active_prompts;
DELETE FROM dropped;
DELETE FROM responses WHERE generator IN (SELECT key FROM generators WHERE spec = '{"kind": "imported"}');
DELETE FROM generators WHERE spec = '{"kind": "imported"}';
DELETE FROM verdicts WHERE judge IN (SELECT key FROM judges WHERE spec = '{"kind": "imported"}');
DELETE FROM scores WHERE judge IN (SELECT key FROM judges WHERE spec = '{"kind": "imported"}');
DELETE FROM comparisons WHERE judge IN (SELECT key FROM judges WHERE spec = '{"kind": "imported"}');
DELETE FROM judges WHERE spec = '{"kind": "imported"}';
DELETE FROM criteria WHERE kind = 'imported';
DELETE FROM meta WHERE name = 'collection';
