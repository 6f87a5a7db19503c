//! HTTP on top.
