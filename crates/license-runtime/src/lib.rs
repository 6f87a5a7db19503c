//! The containers of one computer, and access to the licenses in them.
