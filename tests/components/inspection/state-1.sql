-- The state of an engine of before numbered schema steps: its tables as it made them, and a few rows.
CREATE TABLE projects (
    id VARCHAR(32) NOT NULL,
    account VARCHAR(64) NOT NULL,
    region VARCHAR(64) NOT NULL,
    name VARCHAR(255) NOT NULL,
    created FLOAT NOT NULL,
    versions INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE models (
    project VARCHAR(32) NOT NULL,
    version INTEGER NOT NULL,
    status VARCHAR(40) NOT NULL,
    message TEXT NOT NULL,
    description VARCHAR(500),
    created FLOAT NOT NULL,
    output_bucket VARCHAR(63) NOT NULL,
    output_prefix VARCHAR(1024) NOT NULL,
    kms_key VARCHAR(2048),
    attempts INTEGER NOT NULL,
    min_units INTEGER,
    max_units INTEGER,
    url TEXT NOT NULL,
    threshold FLOAT,
    f1 FLOAT,
    precision FLOAT,
    recall FLOAT,
    evaluated FLOAT,
    evaluation TEXT,
    bundle TEXT,
    PRIMARY KEY (project, version),
    FOREIGN KEY(project) REFERENCES projects (id) ON DELETE CASCADE
);
CREATE TABLE schema_version (
    version INTEGER NOT NULL
);
CREATE UNIQUE INDEX projects_by_name ON projects (account, name);
CREATE TABLE client_tokens (
    account VARCHAR(64) NOT NULL,
    operation VARCHAR(64) NOT NULL,
    token VARCHAR(64) NOT NULL,
    request VARCHAR(64) NOT NULL,
    answer TEXT NOT NULL,
    created FLOAT NOT NULL,
    PRIMARY KEY (account, operation, token)
);
CREATE TABLE datasets (
    project VARCHAR(32) NOT NULL,
    type VARCHAR(10) NOT NULL,
    status VARCHAR(40) NOT NULL,
    message TEXT NOT NULL,
    created FLOAT NOT NULL,
    updated FLOAT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (project, type),
    CHECK (type in ('train', 'test')),
    FOREIGN KEY(project) REFERENCES projects (id) ON DELETE CASCADE
);
CREATE TABLE packaging_jobs (
    project VARCHAR(32) NOT NULL,
    name VARCHAR(64) NOT NULL,
    version INTEGER NOT NULL,
    status VARCHAR(20) NOT NULL,
    message TEXT NOT NULL,
    description VARCHAR(256),
    configuration TEXT NOT NULL,
    output TEXT NOT NULL,
    created FLOAT NOT NULL,
    updated FLOAT NOT NULL,
    PRIMARY KEY (project, name),
    FOREIGN KEY(project) REFERENCES projects (id) ON DELETE CASCADE
);
CREATE TABLE tags (
    project VARCHAR(32) NOT NULL,
    version INTEGER NOT NULL,
    "key" VARCHAR(128) NOT NULL,
    value VARCHAR(256) NOT NULL,
    PRIMARY KEY (project, version, "key"),
    FOREIGN KEY(project) REFERENCES projects (id) ON DELETE CASCADE
);
CREATE TABLE entries (
    project VARCHAR(32) NOT NULL,
    type VARCHAR(10) NOT NULL,
    source_ref VARCHAR(1100) NOT NULL,
    position INTEGER NOT NULL,
    line TEXT NOT NULL,
    anomalous BOOLEAN,
    created FLOAT NOT NULL,
    PRIMARY KEY (project, type, source_ref),
    FOREIGN KEY(project, type) REFERENCES datasets (project, type) ON DELETE CASCADE
);
CREATE UNIQUE INDEX entries_by_position ON entries (project, type, position);
CREATE TABLE detections (
    project VARCHAR(32) NOT NULL,
    version INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    processed INTEGER NOT NULL,
    anomalous INTEGER NOT NULL,
    PRIMARY KEY (project, version, minute),
    FOREIGN KEY(project, version) REFERENCES models (project, version) ON DELETE CASCADE
);
CREATE TABLE drift_sums (
    project VARCHAR(32) NOT NULL,
    version INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    statistic VARCHAR(64) NOT NULL,
    total FLOAT NOT NULL,
    alarms INTEGER NOT NULL,
    PRIMARY KEY (project, version, minute, statistic),
    FOREIGN KEY(project, version) REFERENCES models (project, version) ON DELETE CASCADE
);
CREATE TABLE console_trials (
    id VARCHAR(12) NOT NULL,
    project VARCHAR(32) NOT NULL,
    version INTEGER NOT NULL,
    name VARCHAR(255) NOT NULL,
    source TEXT NOT NULL,
    status VARCHAR(20) NOT NULL,
    message TEXT NOT NULL,
    created FLOAT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(project) REFERENCES projects (id) ON DELETE CASCADE
);
CREATE INDEX console_trials_by_project ON console_trials (project, created);
CREATE TABLE console_predictions (
    project VARCHAR(32) NOT NULL,
    version INTEGER NOT NULL,
    picture VARCHAR(16) NOT NULL,
    probability FLOAT,
    PRIMARY KEY (project, version, picture),
    FOREIGN KEY(project, version) REFERENCES models (project, version) ON DELETE CASCADE,
    FOREIGN KEY(project) REFERENCES projects (id) ON DELETE CASCADE
);
CREATE TABLE console_results (
    trial VARCHAR(12) NOT NULL,
    id VARCHAR(16) NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    status VARCHAR(20) NOT NULL,
    message TEXT NOT NULL,
    probability FLOAT,
    anomalous BOOLEAN,
    confidence FLOAT,
    anomalies TEXT NOT NULL,
    width INTEGER,
    height INTEGER,
    verdict VARCHAR(12) NOT NULL,
    added VARCHAR(10),
    created FLOAT NOT NULL,
    PRIMARY KEY (trial, id),
    FOREIGN KEY(trial) REFERENCES console_trials (id) ON DELETE CASCADE
);
INSERT INTO schema_version VALUES (1);
INSERT INTO projects VALUES ('6494e563988872e4', '123456789012', 'eu-west-1', 'plates', 1796017908.05, 1);
INSERT INTO projects VALUES ('8e8249b414517bd6', '123456789012', 'eu-west-1', 'empty', 1796017908.06, 0);
INSERT INTO datasets VALUES ('6494e563988872e4', 'train', 'CREATE_COMPLETE', '', 1796017908.06, 1796017908.07, 's3://pictures/train.manifest');
INSERT INTO entries VALUES ('6494e563988872e4', 'train', 's3://pictures/normal/000.png', 0, '{"source-ref": "s3://pictures/normal/000.png"}', NULL, 1796017908.06);
INSERT INTO models VALUES ('6494e563988872e4', 1, 'TRAINED', '', 'first', 1796017908.3, 'results', 'out/', NULL, 1, 1, NULL, '', 0.25, 0.9, 0.8, 1.0, 1796017999.0, '{}', '{}');
INSERT INTO tags VALUES ('6494e563988872e4', 1, 'line', 'three');
INSERT INTO tags VALUES ('6494e563988872e4', 0, 'site', 'north');
INSERT INTO client_tokens VALUES ('123456789012', 'CreateProject', 'make-plates', 'ccc962b18aabef39f29869781594460694fa4c9b94582b8e8541949cde31e422', '{"ProjectMetadata": {"ProjectName": "plates"}}', 4000000000.0);
