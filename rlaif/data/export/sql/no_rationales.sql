-- Empty tables in place of those of `rationales.sql`.
CREATE OR REPLACE TABLE memory.export_rationales (answer VARCHAR, rationales JSON);
CREATE OR REPLACE TABLE memory.comparison_rationales (one VARCHAR, other VARCHAR, rationales VARCHAR[])
