//! Talks to a central server and drives the eight phases of a transfer.
