//! TLS: a server is used only when its certificate is verified, chain and name.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::fs;
use std::path::{Path, PathBuf};

use futures_executor::block_on;
use licensing_store::Store;
use licensing_store_postgres::{OpenError, PostgresStore, Settings};
use licensing_testkit::postgres::{Cluster, free_port};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::runtime::Runtime;

/// An authority and a certificate of it for this name; paths of the authority's certificate, the certificate and its key.
fn certificates(folder: &Path, name: &str) -> [PathBuf; 3] {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let write = |file: &str, text: String| {
        let path = folder.join(format!("{name}.{file}"));
        fs::write(&path, text).unwrap();
        path
    };
    [
        write("authority.pem", authority.pem()),
        write("certificate.pem", leaf.pem()),
        write("key.pem", key.serialize_pem()),
    ]
}

fn open(runtime: &Runtime, url: &str) -> Result<PostgresStore, OpenError> {
    runtime.block_on(PostgresStore::create(Settings::parse(url).unwrap(), runtime.handle().clone()))
}

#[test]
fn only_a_verified_server_is_talked_to() {
    let folder = tempfile::tempdir().unwrap();
    let [authority, certificate, key] = certificates(folder.path(), "localhost");
    let [stranger, ..] = certificates(folder.path(), "stranger");
    let port = free_port().unwrap();
    let with_tls = Cluster::start_with_tls(port, &certificate, &key).unwrap();
    let runtime = Runtime::new().unwrap();
    let url = |host: &str, port: u16, root: &Path| {
        let root = root.display().to_string().replace('/', "%2F");
        format!(
            "postgres://postgres:s3cret@{host}:{port}/postgres?sslmode=require&sslrootcert={root}&pool_timeout=1"
        )
    };
    for (url, why) in [
        (url("localhost", port, &stranger), "another authority"),
        (url("127.0.0.1", port, &authority), "another name"),
        (url("localhost", port, &folder.path().join("none.pem")), "no certificates"),
        (url("localhost", port, &key), "a file without certificates"),
    ] {
        let Err(error) = open(&runtime, &url) else { panic!("{why}") };
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
    let store = open(&runtime, &url("localhost", port, &authority)).unwrap();
    assert_eq!(block_on(store.ready()), Ok(()));
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'central-server'";
    assert_eq!(with_tls.sql("postgres", encrypted).unwrap(), "t");
    drop(store);

    let port = free_port().unwrap();
    let plain = Cluster::start(&["listen_addresses=localhost", &format!("port={port}")]).unwrap();
    assert!(open(&runtime, &url("localhost", port, &authority)).is_err(), "a server without TLS");
    assert_eq!(plain.sql("postgres", "SELECT to_regclass('schema_version') IS NULL").unwrap(), "t");
}
