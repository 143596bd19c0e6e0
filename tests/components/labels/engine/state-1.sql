BEGIN TRANSACTION;
CREATE TABLE athena_executions (
    id VARCHAR(36) NOT NULL,
    number INTEGER NOT NULL,
    account VARCHAR(64) NOT NULL,
    workgroup VARCHAR(128) NOT NULL,
    state VARCHAR(16) NOT NULL,
    text TEXT NOT NULL,
    request TEXT NOT NULL,
    token VARCHAR(128) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    name VARCHAR(32) NOT NULL,
    output TEXT NOT NULL,
    manifest TEXT NOT NULL,
    reason TEXT NOT NULL,
    error TEXT,
    columns TEXT,
    rows BIGINT NOT NULL,
    size BIGINT NOT NULL,
    scanned BIGINT NOT NULL,
    planning FLOAT NOT NULL,
    submitted FLOAT NOT NULL,
    started FLOAT,
    completed FLOAT,
    PRIMARY KEY (id),
    UNIQUE (number)
);
INSERT INTO "athena_executions" VALUES('24ea4fb1-daff-4386-acb0-dd4c3a6bfcdc',1,'000000000000','primary','SUCCEEDED','SELECT count(*) AS n FROM jobs','{}','tttttttttttttttttttttttttttttttttttttttt','b2fd46c5af7573585e9211a5382bec0613895f5c6a492b85a6fb6bb7ab75b43a','DML','SELECT','','','',NULL,'[{"CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": "n", "Label": "n", "Type": "bigint", "Precision": 19, "Scale": 0, "Nullable": "UNKNOWN", "CaseSensitive": false}]',1,9,8816,3.32605838775634765625e-02,1.79602108905139064786e+09,1.79602108909068679809e+09,1.79602108914748907091e+09);
INSERT INTO "athena_executions" VALUES('74d2346d-1a96-499f-8f66-670d472982e9',3,'000000000000','team','SUCCEEDED','EXECUTE one USING 5','{}','b3e349d8-70c3-4bb5-9204-5be50bfe2e20','d2df9ac1893b45c1359f2ba54a678b4310451c1251a2ea89ccfbc27239386afe','DML','SELECT','','','',NULL,'[{"CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": "a", "Label": "a", "Type": "integer", "Precision": 10, "Scale": 0, "Nullable": "UNKNOWN", "CaseSensitive": false}]',1,8,0,3.4656047821044921875e-02,1.79602108941495060921e+09,1.79602108945533251761e+09,1.79602108950518965721e+09);
INSERT INTO "athena_executions" VALUES('c60c177c-8e7b-495d-9e44-ce582f8f7acd',4,'000000000000','primary','RUNNING','SELECT sum(x * y) FROM UNNEST(sequence(1, 1000000)) t(x), UNNEST(sequence(1, 1000000)) u(y)','{}','c8a0f025-2ed5-4d75-80b6-8e8223d09a57','aeb2515ebc62395815e64e944ff15890577d068573e3133eea6e40ad429710d7','DML','SELECT','','','',NULL,NULL,0,0,0,5.10141849517822265625e-02,1.79602108957130074504e+09,1.79602108963323187831e+09,NULL);
CREATE TABLE athena_named_queries (
    id VARCHAR(36) NOT NULL,
    account VARCHAR(64) NOT NULL,
    workgroup VARCHAR(128) NOT NULL,
    name VARCHAR(128) NOT NULL,
    description TEXT NOT NULL,
    "database" VARCHAR(255) NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (id)
);
INSERT INTO "athena_named_queries" VALUES('1ef603ba-bac6-55bc-a12e-50e20e564835','000000000000','team','jobs','','labels','SELECT count(*) FROM jobs');
CREATE TABLE athena_prepared_statements (
    account VARCHAR(64) NOT NULL,
    workgroup VARCHAR(128) NOT NULL,
    name VARCHAR(256) NOT NULL,
    text TEXT NOT NULL,
    description TEXT NOT NULL,
    modified FLOAT NOT NULL,
    PRIMARY KEY (account, workgroup, name)
);
INSERT INTO "athena_prepared_statements" VALUES('000000000000','team','one','SELECT ? AS a','',1.79602108904577302929e+09);
CREATE TABLE athena_schema_version (
    version INTEGER NOT NULL
);
INSERT INTO "athena_schema_version" VALUES(1);
CREATE TABLE athena_workgroups (
    account VARCHAR(64) NOT NULL,
    name VARCHAR(128) NOT NULL,
    state VARCHAR(16) NOT NULL,
    description TEXT NOT NULL,
    configuration TEXT NOT NULL,
    created FLOAT NOT NULL,
    PRIMARY KEY (account, name)
);
INSERT INTO "athena_workgroups" VALUES('000000000000','primary','ENABLED','','{}',1.79602108903240227696e+09);
INSERT INTO "athena_workgroups" VALUES('000000000000','team','ENABLED','of the old release','{"BytesScannedCutoffPerQuery": 100000000}',1.79602108903428244585e+09);
CREATE INDEX athena_executions_by_token ON athena_executions (account, token);
CREATE INDEX athena_executions_by_workgroup ON athena_executions (account, workgroup, number);
CREATE INDEX athena_named_queries_by_workgroup ON athena_named_queries (account, workgroup, id);
COMMIT;
