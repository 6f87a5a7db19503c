//! The central server: creates licenses from orders and issues them to containers.
//!
//! A request is: load facts -> decide in `licensing-core` -> one `commit(ChangeSet)` -> answer. [`service`] does
//! that and knows nothing of HTTP; [`http`] maps addresses, credentials and limits onto it; [`command`] are the
//! verbs of the command line. Clock and randomness of the process are in [`system`], nowhere else.

pub mod audit;
pub mod certificate;
pub mod command;
pub mod config;
pub mod data_dir;
pub mod database;
pub mod edition;
pub mod http;
pub mod keys;
pub mod mail;
pub mod metrics;
pub mod password;
pub mod served;
pub mod service;
pub mod system;
pub mod vault;
pub mod webhooks;
