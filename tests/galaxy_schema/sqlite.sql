CREATE TABLE form_definition (
    id INTEGER NOT NULL,
    create_time DATETIME,
    update_time DATETIME,
    name VARCHAR(255) NOT NULL,
    "desc" TEXT,
    form_definition_current_id INTEGER NOT NULL,
    fields BLOB,
    type VARCHAR(255),
    layout BLOB,
    CONSTRAINT form_definition_pkey PRIMARY KEY (id)
);
CREATE INDEX ix_form_definition_type ON form_definition (type);
CREATE INDEX ix_form_definition_form_definition_current_id ON form_definition (form_definition_current_id);
CREATE TABLE store_export_association (
    id INTEGER NOT NULL,
    task_uuid CHAR(32),
    create_time DATETIME,
    object_type VARCHAR(32),
    object_id INTEGER,
    export_metadata BLOB,
    CONSTRAINT store_export_association_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_store_export_association_task_uuid ON store_export_association (task_uuid);
CREATE INDEX ix_store_export_object ON store_export_association (object_id, object_type);
CREATE TABLE dynamic_tool (
    id INTEGER NOT NULL,
    uuid CHAR(32),
    create_time DATETIME,
    update_time DATETIME,
    tool_id VARCHAR(255),
    tool_version VARCHAR(255),
    tool_format VARCHAR(255),
    tool_path VARCHAR(255),
    tool_directory VARCHAR(255),
    hidden BOOLEAN,
    active BOOLEAN,
    value BLOB,
    public BOOLEAN DEFAULT 0 NOT NULL,
    CONSTRAINT dynamic_tool_pkey PRIMARY KEY (id)
);
CREATE INDEX ix_dynamic_tool_update_time ON dynamic_tool (update_time);
CREATE TABLE library_folder (
    id INTEGER NOT NULL,
    parent_id INTEGER,
    create_time DATETIME,
    update_time DATETIME,
    name TEXT,
    description TEXT,
    order_id INTEGER,
    item_count INTEGER,
    deleted BOOLEAN,
    purged BOOLEAN,
    genome_build VARCHAR(40),
    CONSTRAINT library_folder_pkey PRIMARY KEY (id),
    CONSTRAINT library_folder_parent_id_fkey FOREIGN KEY(parent_id) REFERENCES library_folder (id)
);
CREATE INDEX ix_library_folder_purged ON library_folder (purged);
CREATE INDEX ix_library_folder_parent_id ON library_folder (parent_id);
CREATE INDEX ix_library_folder_name ON library_folder (name);
CREATE INDEX ix_library_folder_deleted ON library_folder (deleted);
CREATE TABLE tool_source (
    id INTEGER NOT NULL,
    hash VARCHAR(255),
    source BLOB NOT NULL,
    source_class VARCHAR(255) NOT NULL,
    CONSTRAINT tool_source_pkey PRIMARY KEY (id)
);
CREATE TABLE extended_metadata (
    id INTEGER NOT NULL,
    data BLOB,
    CONSTRAINT extended_metadata_pkey PRIMARY KEY (id)
);
CREATE TABLE dataset_collection (
    id INTEGER NOT NULL,
    collection_type VARCHAR(255) NOT NULL,
    populated_state VARCHAR(64) NOT NULL,
    populated_state_message TEXT,
    element_count INTEGER,
    create_time DATETIME,
    update_time DATETIME,
    fields BLOB,
    column_definitions BLOB,
    CONSTRAINT dataset_collection_pkey PRIMARY KEY (id)
);
CREATE TABLE implicit_collection_jobs (
    id INTEGER NOT NULL,
    populated_state VARCHAR(64) NOT NULL,
    CONSTRAINT implicit_collection_jobs_pkey PRIMARY KEY (id)
);
CREATE TABLE form_values (
    id INTEGER NOT NULL,
    create_time DATETIME,
    update_time DATETIME,
    form_definition_id INTEGER,
    content BLOB,
    CONSTRAINT form_values_pkey PRIMARY KEY (id),
    CONSTRAINT form_values_form_definition_id_fkey FOREIGN KEY(form_definition_id) REFERENCES form_definition (id)
);
CREATE INDEX ix_form_values_form_definition_id ON form_values (form_definition_id);
CREATE TABLE form_definition_current (
    id INTEGER NOT NULL,
    create_time DATETIME,
    update_time DATETIME,
    latest_form_id INTEGER,
    deleted BOOLEAN,
    CONSTRAINT form_definition_current_pkey PRIMARY KEY (id),
    CONSTRAINT form_definition_current_latest_form_id_fkey FOREIGN KEY(latest_form_id) REFERENCES form_definition (id)
);
CREATE INDEX ix_form_definition_current_latest_form_id ON form_definition_current (latest_form_id);
CREATE INDEX ix_form_definition_current_deleted ON form_definition_current (deleted);
CREATE TABLE library_dataset (
    id INTEGER NOT NULL,
    library_dataset_dataset_association_id INTEGER,
    folder_id INTEGER,
    order_id INTEGER,
    create_time DATETIME,
    update_time DATETIME,
    name VARCHAR(255),
    info VARCHAR(255),
    deleted BOOLEAN,
    purged BOOLEAN,
    CONSTRAINT library_dataset_pkey PRIMARY KEY (id),
    CONSTRAINT library_dataset_folder_id_fkey FOREIGN KEY(folder_id) REFERENCES library_folder (id)
);
CREATE INDEX ix_library_dataset_name ON library_dataset (name);
CREATE INDEX ix_library_dataset_deleted ON library_dataset (deleted);
CREATE INDEX ix_library_dataset_folder_id ON library_dataset (folder_id);
CREATE INDEX ix_library_dataset_purged ON library_dataset (purged);
CREATE INDEX ix_library_dataset_library_dataset_dataset_association_id ON library_dataset (library_dataset_dataset_association_id);
CREATE TABLE galaxy_user (
    id INTEGER NOT NULL,
    create_time DATETIME,
    update_time DATETIME,
    email VARCHAR(255) NOT NULL,
    username VARCHAR(255),
    password VARCHAR(255) NOT NULL,
    last_password_change DATETIME,
    external BOOLEAN,
    form_values_id INTEGER,
    preferred_object_store_id VARCHAR(255),
    deleted BOOLEAN,
    purged BOOLEAN,
    disk_usage NUMERIC(15, 0),
    active BOOLEAN NOT NULL,
    activation_token VARCHAR(64),
    CONSTRAINT galaxy_user_pkey PRIMARY KEY (id),
    CONSTRAINT galaxy_user_form_values_id_fkey FOREIGN KEY(form_values_id) REFERENCES form_values (id)
);
CREATE INDEX ix_galaxy_user_active ON galaxy_user (active);
CREATE INDEX ix_galaxy_user_form_values_id ON galaxy_user (form_values_id);
CREATE INDEX ix_galaxy_user_deleted ON galaxy_user (deleted);
CREATE UNIQUE INDEX ix_galaxy_user_email ON galaxy_user (email);
CREATE INDEX ix_galaxy_user_purged ON galaxy_user (purged);
CREATE UNIQUE INDEX ix_galaxy_user_username ON galaxy_user (username);
CREATE INDEX ix_galaxy_user_disk_usage ON galaxy_user (disk_usage);
CREATE INDEX ix_galaxy_user_activation_token ON galaxy_user (activation_token);
CREATE TABLE history (
    id INTEGER NOT NULL,
    create_time DATETIME,
    update_time DATETIME,
    user_id INTEGER,
    name VARCHAR(255),
    hid_counter INTEGER,
    deleted BOOLEAN,
    purged BOOLEAN,
    importing BOOLEAN,
    genome_build VARCHAR(40),
    importable BOOLEAN,
    slug TEXT,
    published BOOLEAN,
    preferred_object_store_id VARCHAR(255),
    archived BOOLEAN DEFAULT 0,
    archive_export_id INTEGER,
    CONSTRAINT history_pkey PRIMARY KEY (id),
    CONSTRAINT history_user_id_fkey FOREIGN KEY(user_id) REFERENCES galaxy_user (id),
    CONSTRAINT history_archive_export_id_fkey FOREIGN KEY(archive_export_id) REFERENCES store_export_association (id)
);
CREATE INDEX ix_history_importing ON history (importing);
CREATE INDEX ix_history_user_id ON history (user_id);
CREATE INDEX ix_history_purged ON history (purged);
CREATE INDEX ix_history_archived ON history (archived);
CREATE INDEX ix_history_deleted ON history (deleted);
CREATE INDEX ix_history_published ON history (published);
CREATE INDEX ix_history_slug ON history (slug);
CREATE INDEX ix_history_update_time ON history (update_time);
CREATE TABLE galaxy_session (
    id INTEGER NOT NULL,
    create_time DATETIME,
    update_time DATETIME,
    user_id INTEGER,
    remote_host VARCHAR(255),
    remote_addr VARCHAR(255),
    referer TEXT,
    current_history_id INTEGER,
    session_key VARCHAR(255),
    is_valid BOOLEAN,
    prev_session_id INTEGER,
    disk_usage NUMERIC(15, 0),
    last_action DATETIME,
    CONSTRAINT galaxy_session_pkey PRIMARY KEY (id),
    CONSTRAINT galaxy_session_user_id_fkey FOREIGN KEY(user_id) REFERENCES galaxy_user (id),
    CONSTRAINT galaxy_session_current_history_id_fkey FOREIGN KEY(current_history_id) REFERENCES history (id)
);
CREATE UNIQUE INDEX ix_galaxy_session_session_key ON galaxy_session (session_key);
CREATE INDEX ix_galaxy_session_user_id ON galaxy_session (user_id);
CREATE INDEX ix_galaxy_session_disk_usage ON galaxy_session (disk_usage);
CREATE TABLE tool_request (
    id INTEGER NOT NULL,
    tool_source_id INTEGER NOT NULL,
    history_id INTEGER NOT NULL,
    request BLOB NOT NULL,
    state VARCHAR(32),
    state_message BLOB,
    CONSTRAINT tool_request_pkey PRIMARY KEY (id),
    CONSTRAINT tool_request_tool_source_id_fkey FOREIGN KEY(tool_source_id) REFERENCES tool_source (id),
    CONSTRAINT tool_request_history_id_fkey FOREIGN KEY(history_id) REFERENCES history (id)
);
CREATE INDEX ix_tool_request_history_id ON tool_request (history_id);
CREATE INDEX ix_tool_request_tool_source_id ON tool_request (tool_source_id);
CREATE INDEX ix_tool_request_state ON tool_request (state);
CREATE INDEX ix_tool_request_state_message ON tool_request (state_message);
CREATE TABLE job (
    id INTEGER NOT NULL,
    create_time DATETIME,
    update_time DATETIME,
    history_id INTEGER,
    library_folder_id INTEGER,
    tool_id VARCHAR(255),
    tool_version TEXT,
    galaxy_version VARCHAR(64),
    dynamic_tool_id INTEGER,
    state VARCHAR(64),
    info VARCHAR(255),
    copied_from_job_id INTEGER,
    command_line TEXT,
    dependencies BLOB,
    job_messages BLOB,
    param_filename VARCHAR(1024),
    runner_name VARCHAR(255),
    job_stdout TEXT,
    job_stderr TEXT,
    tool_stdout TEXT,
    tool_stderr TEXT,
    exit_code INTEGER,
    traceback TEXT,
    session_id INTEGER,
    user_id INTEGER,
    job_runner_name VARCHAR(255),
    job_runner_external_id VARCHAR(255),
    destination_id VARCHAR(255),
    destination_params BLOB,
    object_store_id VARCHAR(255),
    imported BOOLEAN,
    handler VARCHAR(255),
    preferred_object_store_id VARCHAR(255),
    object_store_id_overrides BLOB,
    tool_request_id INTEGER,
    tool_state JSON,
    CONSTRAINT job_pkey PRIMARY KEY (id),
    CONSTRAINT job_history_id_fkey FOREIGN KEY(history_id) REFERENCES history (id),
    CONSTRAINT job_library_folder_id_fkey FOREIGN KEY(library_folder_id) REFERENCES library_folder (id),
    CONSTRAINT job_dynamic_tool_id_fkey FOREIGN KEY(dynamic_tool_id) REFERENCES dynamic_tool (id),
    CONSTRAINT job_session_id_fkey FOREIGN KEY(session_id) REFERENCES galaxy_session (id) ON DELETE SET NULL,
    CONSTRAINT job_user_id_fkey FOREIGN KEY(user_id) REFERENCES galaxy_user (id),
    CONSTRAINT job_tool_request_id_fkey FOREIGN KEY(tool_request_id) REFERENCES tool_request (id)
);
CREATE INDEX ix_job_update_time ON job (update_time);
CREATE INDEX ix_job_library_folder_id ON job (library_folder_id);
CREATE INDEX ix_job_job_runner_external_id ON job (job_runner_external_id);
CREATE INDEX ix_job_handler ON job (handler);
CREATE INDEX ix_job_tool_id ON job (tool_id);
CREATE INDEX ix_job_state ON job (state);
CREATE INDEX ix_job_user_id ON job (user_id);
CREATE INDEX ix_job_object_store_id ON job (object_store_id);
CREATE INDEX ix_job_dynamic_tool_id ON job (dynamic_tool_id);
CREATE INDEX ix_job_tool_request_id ON job (tool_request_id);
CREATE INDEX ix_job_imported ON job (imported);
CREATE INDEX ix_job_history_id ON job (history_id);
CREATE INDEX ix_job_session_id ON job (session_id);
CREATE TABLE dataset (
    id INTEGER NOT NULL,
    job_id INTEGER,
    create_time DATETIME,
    update_time DATETIME,
    state VARCHAR(64),
    deleted BOOLEAN,
    purged BOOLEAN,
    purgable BOOLEAN,
    object_store_id VARCHAR(255),
    external_filename TEXT,
    _extra_files_path TEXT,
    created_from_basename TEXT,
    file_size NUMERIC(15, 0),
    total_size NUMERIC(15, 0),
    uuid CHAR(32),
    CONSTRAINT dataset_pkey PRIMARY KEY (id),
    CONSTRAINT uq_uuid_column UNIQUE (uuid),
    CONSTRAINT dataset_job_id_fkey FOREIGN KEY(job_id) REFERENCES job (id),
    CONSTRAINT dataset_uuid_key UNIQUE (uuid)
);
CREATE INDEX ix_dataset_update_time ON dataset (update_time);
CREATE INDEX ix_dataset_object_store_id ON dataset (object_store_id);
CREATE INDEX ix_dataset_deleted ON dataset (deleted);
CREATE INDEX ix_dataset_job_id ON dataset (job_id);
CREATE INDEX ix_dataset_state ON dataset (state);
CREATE INDEX ix_dataset_purged ON dataset (purged);
CREATE TABLE history_dataset_collection_association (
    id INTEGER NOT NULL,
    collection_id INTEGER,
    history_id INTEGER,
    name VARCHAR(255),
    hid INTEGER,
    visible BOOLEAN,
    deleted BOOLEAN,
    copied_from_history_dataset_collection_association_id INTEGER,
    implicit_output_name VARCHAR(255),
    job_id INTEGER,
    implicit_collection_jobs_id INTEGER,
    create_time DATETIME,
    update_time DATETIME,
    CONSTRAINT history_dataset_collection_association_pkey PRIMARY KEY (id),
    CONSTRAINT history_dataset_collection_association_collection_id_fkey FOREIGN KEY(collection_id) REFERENCES dataset_collection (id),
    CONSTRAINT history_dataset_collection_association_history_id_fkey FOREIGN KEY(history_id) REFERENCES history (id),
    CONSTRAINT history_dataset_collection_association_copied_from_history_dataset_collection_association_id_fkey FOREIGN KEY(copied_from_history_dataset_collection_association_id) REFERENCES history_dataset_collection_association (id),
    CONSTRAINT history_dataset_collection_association_job_id_fkey FOREIGN KEY(job_id) REFERENCES job (id),
    CONSTRAINT history_dataset_collection_association_implicit_collection_jobs_id_fkey FOREIGN KEY(implicit_collection_jobs_id) REFERENCES implicit_collection_jobs (id)
);
CREATE INDEX ix_history_dataset_collection_association_implicit_collection_jobs_id ON history_dataset_collection_association (implicit_collection_jobs_id);
CREATE INDEX ix_history_dataset_collection_association_history_id ON history_dataset_collection_association (history_id);
CREATE INDEX ix_history_dataset_collection_association_collection_id ON history_dataset_collection_association (collection_id);
CREATE INDEX ix_history_dataset_collection_association_job_id ON history_dataset_collection_association (job_id);
CREATE INDEX ix_history_dataset_collection_association_update_time ON history_dataset_collection_association (update_time);
CREATE TABLE job_parameter (
    id INTEGER NOT NULL,
    job_id INTEGER,
    name VARCHAR(255),
    value TEXT,
    CONSTRAINT job_parameter_pkey PRIMARY KEY (id),
    CONSTRAINT job_parameter_job_id_fkey FOREIGN KEY(job_id) REFERENCES job (id)
);
CREATE INDEX ix_job_parameter_job_id ON job_parameter (job_id);
CREATE TABLE job_metric_text (
    id INTEGER NOT NULL,
    job_id INTEGER,
    plugin VARCHAR(255),
    metric_name VARCHAR(255),
    metric_value VARCHAR(1023),
    CONSTRAINT job_metric_text_pkey PRIMARY KEY (id),
    CONSTRAINT job_metric_text_job_id_fkey FOREIGN KEY(job_id) REFERENCES job (id)
);
CREATE INDEX ix_job_metric_text_job_id ON job_metric_text (job_id);
CREATE TABLE job_metric_numeric (
    id INTEGER NOT NULL,
    job_id INTEGER,
    plugin VARCHAR(255),
    metric_name VARCHAR(255),
    metric_value NUMERIC(26, 7),
    CONSTRAINT job_metric_numeric_pkey PRIMARY KEY (id),
    CONSTRAINT job_metric_numeric_job_id_fkey FOREIGN KEY(job_id) REFERENCES job (id)
);
CREATE INDEX ix_job_metric_numeric_job_id ON job_metric_numeric (job_id);
CREATE TABLE job_state_history (
    id INTEGER NOT NULL,
    create_time DATETIME,
    job_id INTEGER,
    state VARCHAR(64),
    info VARCHAR(255),
    CONSTRAINT job_state_history_pkey PRIMARY KEY (id),
    CONSTRAINT job_state_history_job_id_fkey FOREIGN KEY(job_id) REFERENCES job (id)
);
CREATE INDEX ix_job_state_history_state ON job_state_history (state);
CREATE INDEX ix_job_state_history_job_id ON job_state_history (job_id);
CREATE TABLE library_dataset_dataset_association (
    id INTEGER NOT NULL,
    library_dataset_id INTEGER,
    dataset_id INTEGER,
    create_time DATETIME,
    update_time DATETIME,
    state VARCHAR(64),
    copied_from_history_dataset_association_id INTEGER,
    copied_from_library_dataset_dataset_association_id INTEGER,
    name VARCHAR(255),
    info VARCHAR(255),
    blurb VARCHAR(255),
    peek TEXT,
    tool_version TEXT,
    extension VARCHAR(64),
    metadata BLOB,
    metadata_deferred BOOLEAN,
    parent_id INTEGER,
    designation VARCHAR(255),
    deleted BOOLEAN,
    validated_state VARCHAR(64) NOT NULL,
    validated_state_message TEXT,
    visible BOOLEAN,
    extended_metadata_id INTEGER,
    user_id INTEGER,
    message VARCHAR(255),
    CONSTRAINT library_dataset_dataset_association_pkey PRIMARY KEY (id),
    CONSTRAINT library_dataset_dataset_association_library_dataset_id_fkey FOREIGN KEY(library_dataset_id) REFERENCES library_dataset (id),
    CONSTRAINT library_dataset_dataset_association_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES dataset (id),
    CONSTRAINT library_dataset_dataset_association_parent_id_fkey FOREIGN KEY(parent_id) REFERENCES library_dataset_dataset_association (id),
    CONSTRAINT library_dataset_dataset_association_extended_metadata_id_fkey FOREIGN KEY(extended_metadata_id) REFERENCES extended_metadata (id),
    CONSTRAINT library_dataset_dataset_association_user_id_fkey FOREIGN KEY(user_id) REFERENCES galaxy_user (id)
);
CREATE INDEX ix_library_dataset_dataset_association_deleted ON library_dataset_dataset_association (deleted);
CREATE INDEX ix_library_dataset_dataset_association_update_time ON library_dataset_dataset_association (update_time);
CREATE INDEX ix_library_dataset_dataset_association_user_id ON library_dataset_dataset_association (user_id);
CREATE INDEX ix_library_dataset_dataset_association_state ON library_dataset_dataset_association (state);
CREATE INDEX ix_library_dataset_dataset_association_dataset_id ON library_dataset_dataset_association (dataset_id);
CREATE INDEX ix_library_dataset_dataset_association_name ON library_dataset_dataset_association (name);
CREATE INDEX ix_library_dataset_dataset_association_extended_metadata_id ON library_dataset_dataset_association (extended_metadata_id);
CREATE INDEX ix_library_dataset_dataset_association_library_dataset_id ON library_dataset_dataset_association (library_dataset_id);
CREATE TABLE job_to_input_dataset_collection (
    id INTEGER NOT NULL,
    job_id INTEGER,
    dataset_collection_id INTEGER,
    name VARCHAR(255),
    adapter BLOB,
    CONSTRAINT job_to_input_dataset_collection_pkey PRIMARY KEY (id),
    CONSTRAINT job_to_input_dataset_collection_job_id_fkey FOREIGN KEY(job_id) REFERENCES job (id),
    CONSTRAINT job_to_input_dataset_collection_dataset_collection_id_fkey FOREIGN KEY(dataset_collection_id) REFERENCES history_dataset_collection_association (id)
);
CREATE INDEX ix_job_to_input_dataset_collection_job_id ON job_to_input_dataset_collection (job_id);
CREATE INDEX ix_job_to_input_dataset_collection_dataset_collection_id ON job_to_input_dataset_collection (dataset_collection_id);
CREATE TABLE history_dataset_association (
    id INTEGER NOT NULL,
    history_id INTEGER,
    dataset_id INTEGER,
    create_time DATETIME,
    update_time DATETIME,
    state VARCHAR(64),
    copied_from_history_dataset_association_id INTEGER,
    copied_from_library_dataset_dataset_association_id INTEGER,
    name VARCHAR(255),
    info VARCHAR(255),
    blurb VARCHAR(255),
    peek TEXT,
    tool_version TEXT,
    extension VARCHAR(64),
    metadata BLOB,
    metadata_deferred BOOLEAN,
    parent_id INTEGER,
    designation VARCHAR(255),
    deleted BOOLEAN,
    visible BOOLEAN,
    extended_metadata_id INTEGER,
    version INTEGER,
    hid INTEGER,
    purged BOOLEAN,
    validated_state VARCHAR(64) NOT NULL,
    validated_state_message TEXT,
    hidden_beneath_collection_instance_id INTEGER,
    CONSTRAINT history_dataset_association_pkey PRIMARY KEY (id),
    CONSTRAINT history_dataset_association_history_id_fkey FOREIGN KEY(history_id) REFERENCES history (id),
    CONSTRAINT history_dataset_association_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES dataset (id),
    CONSTRAINT history_dataset_association_copied_from_history_dataset_association_id_fkey FOREIGN KEY(copied_from_history_dataset_association_id) REFERENCES history_dataset_association (id),
    CONSTRAINT history_dataset_association_copied_from_library_dataset_dataset_association_id_fkey FOREIGN KEY(copied_from_library_dataset_dataset_association_id) REFERENCES library_dataset_dataset_association (id),
    CONSTRAINT history_dataset_association_parent_id_fkey FOREIGN KEY(parent_id) REFERENCES history_dataset_association (id),
    CONSTRAINT history_dataset_association_extended_metadata_id_fkey FOREIGN KEY(extended_metadata_id) REFERENCES extended_metadata (id),
    CONSTRAINT history_dataset_association_hidden_beneath_collection_instance_id_fkey FOREIGN KEY(hidden_beneath_collection_instance_id) REFERENCES history_dataset_collection_association (id)
);
CREATE INDEX ix_history_dataset_association_version ON history_dataset_association (version);
CREATE INDEX ix_history_dataset_association_history_id ON history_dataset_association (history_id);
CREATE INDEX ix_history_dataset_association_state ON history_dataset_association (state);
CREATE INDEX ix_history_dataset_association_extended_metadata_id ON history_dataset_association (extended_metadata_id);
CREATE INDEX ix_history_dataset_association_purged ON history_dataset_association (purged);
CREATE INDEX ix_history_dataset_association_extension ON history_dataset_association (extension);
CREATE INDEX ix_history_dataset_association_update_time ON history_dataset_association (update_time);
CREATE INDEX ix_history_dataset_association_dataset_id ON history_dataset_association (dataset_id);
CREATE INDEX ix_history_dataset_association_deleted ON history_dataset_association (deleted);
CREATE TABLE job_to_input_library_dataset (
    id INTEGER NOT NULL,
    job_id INTEGER,
    ldda_id INTEGER,
    name VARCHAR(255),
    CONSTRAINT job_to_input_library_dataset_pkey PRIMARY KEY (id),
    CONSTRAINT job_to_input_library_dataset_job_id_fkey FOREIGN KEY(job_id) REFERENCES job (id),
    CONSTRAINT job_to_input_library_dataset_ldda_id_fkey FOREIGN KEY(ldda_id) REFERENCES library_dataset_dataset_association (id)
);
CREATE INDEX ix_job_to_input_library_dataset_ldda_id ON job_to_input_library_dataset (ldda_id);
CREATE INDEX ix_job_to_input_library_dataset_job_id ON job_to_input_library_dataset (job_id);
CREATE TABLE job_to_output_dataset (
    id INTEGER NOT NULL,
    job_id INTEGER,
    dataset_id INTEGER,
    name VARCHAR(255),
    CONSTRAINT job_to_output_dataset_pkey PRIMARY KEY (id),
    CONSTRAINT job_to_output_dataset_job_id_fkey FOREIGN KEY(job_id) REFERENCES job (id),
    CONSTRAINT job_to_output_dataset_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES history_dataset_association (id)
);
CREATE INDEX ix_job_to_output_dataset_dataset_id ON job_to_output_dataset (dataset_id);
CREATE INDEX ix_job_to_output_dataset_job_id ON job_to_output_dataset (job_id);
CREATE TABLE dataset_collection_element (
    id INTEGER NOT NULL,
    dataset_collection_id INTEGER NOT NULL,
    hda_id INTEGER,
    ldda_id INTEGER,
    child_collection_id INTEGER,
    element_index INTEGER,
    element_identifier VARCHAR(255),
    columns BLOB,
    CONSTRAINT dataset_collection_element_pkey PRIMARY KEY (id),
    CONSTRAINT dataset_collection_element_dataset_collection_id_fkey FOREIGN KEY(dataset_collection_id) REFERENCES dataset_collection (id),
    CONSTRAINT dataset_collection_element_hda_id_fkey FOREIGN KEY(hda_id) REFERENCES history_dataset_association (id),
    CONSTRAINT dataset_collection_element_ldda_id_fkey FOREIGN KEY(ldda_id) REFERENCES library_dataset_dataset_association (id),
    CONSTRAINT dataset_collection_element_child_collection_id_fkey FOREIGN KEY(child_collection_id) REFERENCES dataset_collection (id)
);
CREATE INDEX ix_dataset_collection_element_child_collection_id ON dataset_collection_element (child_collection_id);
CREATE INDEX ix_dataset_collection_element_dataset_collection_id ON dataset_collection_element (dataset_collection_id);
CREATE INDEX ix_dataset_collection_element_hda_id ON dataset_collection_element (hda_id);
CREATE INDEX ix_dataset_collection_element_ldda_id ON dataset_collection_element (ldda_id);
CREATE TABLE job_to_input_dataset (
    id INTEGER NOT NULL,
    job_id INTEGER,
    dataset_id INTEGER,
    dataset_version INTEGER,
    name VARCHAR(255),
    adapter BLOB,
    CONSTRAINT job_to_input_dataset_pkey PRIMARY KEY (id),
    CONSTRAINT job_to_input_dataset_job_id_fkey FOREIGN KEY(job_id) REFERENCES job (id),
    CONSTRAINT job_to_input_dataset_dataset_id_fkey FOREIGN KEY(dataset_id) REFERENCES history_dataset_association (id)
);
CREATE INDEX ix_job_to_input_dataset_dataset_id ON job_to_input_dataset (dataset_id);
CREATE INDEX ix_job_to_input_dataset_job_id ON job_to_input_dataset (job_id);
CREATE TABLE job_to_input_dataset_collection_element (
    id INTEGER NOT NULL,
    job_id INTEGER,
    dataset_collection_element_id INTEGER,
    name VARCHAR(255),
    adapter BLOB,
    CONSTRAINT job_to_input_dataset_collection_element_pkey PRIMARY KEY (id),
    CONSTRAINT job_to_input_dataset_collection_element_job_id_fkey FOREIGN KEY(job_id) REFERENCES job (id),
    CONSTRAINT job_to_input_dataset_collection_element_dataset_collection_element_id_fkey FOREIGN KEY(dataset_collection_element_id) REFERENCES dataset_collection_element (id)
);
CREATE INDEX ix_job_to_input_dataset_collection_element_dataset_collection_element_id ON job_to_input_dataset_collection_element (dataset_collection_element_id);
CREATE INDEX ix_job_to_input_dataset_collection_element_job_id ON job_to_input_dataset_collection_element (job_id);
