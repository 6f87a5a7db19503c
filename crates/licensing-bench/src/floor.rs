//! Floors: what the machine and the libraries can do without any of our code.

pub(crate) mod crypto;
pub(crate) mod pages;
pub(crate) mod postgres;
pub(crate) mod rows;
pub(crate) mod sqlite;

use std::net::SocketAddr;

use anyhow::Result;
use hyper::body::Bytes;

use crate::load::{Call, Clients, Done};

/// The floor of HTTP, with requests of the size of the product's.
pub(crate) struct Http(Clients);

impl Http {
    /// Clients of the fixed server.
    pub(crate) fn new(server: SocketAddr, clients: usize) -> Result<Self> {
        Ok(Self(Clients::connect(&[server], clients)?))
    }

    /// Sends so many requests with bodies of so many bytes.
    pub(crate) fn run(&mut self, requests: usize, bytes: usize) -> Result<Done> {
        let body = Bytes::from(vec![b'x'; bytes]);
        let call = Call { path: "/fixed".into(), body: Some(body), key: None, token: None, cookie: None };
        self.0.closed(&vec![call; requests])
    }
}
