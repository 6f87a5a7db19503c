//! What hostile XML costs: counted at the allocator, not timed. Alone in its program, because the counters are those of
//! the whole process.

#[path = "soap/corpus.rs"]
mod corpus;

use std::alloc::System;

use corpus::{corpus, envelope, order};
use licensing_wire::soap::{Version, read, read_envelope};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// All that may be asked of the allocator for one document, freed or not.
const BYTES_MAX: usize = 8 << 20;
/// How often it may be asked.
const TIMES_MAX: usize = 40_000;

/// Reads a document: the code it is refused with, and what it cost.
fn cost(bytes: &[u8]) -> (&'static str, usize, usize) {
    let region = Region::new(ALLOCATOR);
    let received = read_envelope(bytes, Version::Soap11).request;
    let refused = received.and_then(|(operation, element)| read::request(&element, operation)).err();
    let used = region.change();
    (refused.map_or("taken", |error| error.code), used.bytes_allocated, used.allocations + used.reallocations)
}

#[test]
fn no_document_costs_more_than_is_allowed() {
    let mut most = (0, 0, "");
    for hostile in corpus() {
        let (code, bytes, times) = cost(&hostile.bytes);
        assert_eq!(code, hostile.code, "{}", hostile.name);
        assert!(bytes <= BYTES_MAX && times <= TIMES_MAX, "{}: {bytes} bytes, {times} times", hostile.name);
        most = most.max((bytes, times, hostile.name));
    }
    // The largest documents that are taken cost no more either.
    let lines = "<m:line><m:item>A</m:item><m:quantity>1</m:quantity></m:line>".repeat(999);
    let file = envelope(&format!(
        "<m:ConfirmReceipt><m:context>{}</m:context></m:ConfirmReceipt>",
        "QUJD".repeat(87_000)
    ));
    for large in [order(&lines), file] {
        let (code, bytes, times) = cost(large.as_bytes());
        assert_eq!(code, "taken");
        assert!(bytes <= BYTES_MAX && times <= TIMES_MAX, "{bytes} bytes, {times} times");
        println!("a document of {} bytes: {bytes} bytes of memory, asked for {times} times", large.len());
    }
    println!("the dearest hostile document, {:?}: {} bytes, asked for {} times", most.2, most.0, most.1);
    assert!(ALLOCATOR.stats().allocations > 0, "the counters count");
}
