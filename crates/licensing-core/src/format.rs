//! The files that travel: contexts, updates, templates and the certificates in them.
//! Each is specified byte by byte in `docs/formats/`.

pub mod certificate;
pub mod context;
pub mod template;
pub mod update;
