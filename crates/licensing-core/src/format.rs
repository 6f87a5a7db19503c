//! The files that travel: contexts, updates, templates, blacklists, pre-activated licenses and the certificates in
//! them.
//! Each is specified byte by byte in `docs/formats/`.

pub mod blacklist;
pub mod certificate;
pub mod context;
pub mod origin_grant;
pub mod package;
pub mod preactivated;
pub mod template;
pub mod update;
