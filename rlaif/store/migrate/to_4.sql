-- Migrates a store from schema 3 to schema 4. Views are created again afterwards.
ALTER TABLE comparisons ADD COLUMN verdict VARCHAR;
ALTER TABLE comparisons ADD COLUMN repeat UINTEGER;
ALTER TABLE comparisons ADD COLUMN attempt UINTEGER;
ALTER TABLE comparisons ADD COLUMN probability DECIMAL(18, 6);
ALTER TABLE comparisons ADD COLUMN rationale VARCHAR;
ALTER TABLE comparisons ADD COLUMN failure VARCHAR;
CREATE TABLE strengths (
    pairing VARCHAR, judge VARCHAR, criterion VARCHAR, answer VARCHAR,
    points DECIMAL(38, 6), score DECIMAL(18, 6), spread DECIMAL(18, 6)
);
CREATE TABLE divergences (
    response VARCHAR, reference VARCHAR, tokens UINTEGER, k1 DOUBLE, k3 DOUBLE, failure VARCHAR
);
CREATE TABLE rounds (
    chain VARCHAR, number UINTEGER, writer VARCHAR, pairing VARCHAR, training VARCHAR, pairs UBIGINT,
    fresh DOUBLE, margin DOUBLE, shared DOUBLE, judge VARCHAR, before DOUBLE, after DOUBLE, stopped VARCHAR, created TIMESTAMP
);
ALTER TABLE prompts ADD COLUMN checklist VARCHAR;
ALTER TABLE verdicts ADD COLUMN calls UINTEGER;
ALTER TABLE notes ADD COLUMN calls UINTEGER;
ALTER TABLE findings ADD COLUMN earned DOUBLE;
CREATE TABLE retries (unit VARCHAR, attempts UINTEGER);
CREATE TABLE mixed (pairing VARCHAR, criterion VARCHAR, answer VARCHAR, score DECIMAL(18, 6));
CREATE TABLE passed_on (prompt VARCHAR, before VARCHAR, judge VARCHAR, lead DECIMAL(18, 6));
CREATE TABLE served (judge VARCHAR, model VARCHAR);
CREATE TABLE remarks (
    run VARCHAR, server VARCHAR, model VARCHAR, remark VARCHAR, value VARCHAR, times UBIGINT, created TIMESTAMP
);
