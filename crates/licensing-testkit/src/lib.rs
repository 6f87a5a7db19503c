//! Clock, entropy, builders and the store conformance suite, for tests.
