//! An initialised server that nobody serves yet, on the database of this run.
#![allow(dead_code, clippy::allow_attributes, reason = "shared by several test programs, each using a part")]

use central_server::command::{self, Arguments};
use central_server::config::Config;
use central_server::data_dir::DataDir;
use central_server::database::{Database, Place};
use clap::Parser as _;
use licensing_testkit::postgres;

/// Keep it longer than what serves it.
pub(crate) struct Data {
    /// Of the first administrator.
    pub(crate) token: String,
    /// Of the database, where it is on a PostgreSQL server.
    pub(crate) url: Option<String>,
    pub(crate) database: Database,
    pub(crate) folder: tempfile::TempDir,
    _postgres: Option<postgres::Database>,
}

impl Data {
    pub(crate) fn new(config: &Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::new(folder.path().join("central"));
        let path = data.path().display().to_string();
        let postgres = postgres::database_of_this_run();
        let url = postgres.as_ref().map(postgres::Database::url);
        let mut init = vec!["x", "init", "--data", &path, "--firm-code", "6000010"];
        init.extend(url.iter().flat_map(|url| ["--database", url]));
        command::run(Arguments::parse_from(init)).unwrap();
        let token = std::fs::read_to_string(data.admin_token()).unwrap().trim().to_owned();
        let place = Place::of(&data, url.clone().map(Into::into).as_ref(), config).unwrap();
        let database = Database::new(place).unwrap();
        Self { token, url, database, folder, _postgres: postgres }
    }

    pub(crate) fn dir(&self) -> DataDir {
        DataDir::new(self.folder.path().join("central"))
    }
}
