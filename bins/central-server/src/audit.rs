//! The audit of a whole server: every invariant recomputed from the tables, and the tables compared with what the
//! containers have said.

use licensing_core::audit::compare;
use licensing_core::crypto::sign::PublicKey;
use licensing_core::format::context::VerifiedContext;
use licensing_store::{FirmBooks, Store, StoreError};

/// Firm items read at once.
const PAGE: u32 = 256;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Firm items whose newest receipt was compared with the books.
    pub compared: u64,
    /// Given contexts that are older than the newest proof, and prove nothing about the present.
    pub outdated: Vec<String>,
    /// What differs, one line each.
    pub differences: Vec<String>,
}

impl Report {
    fn differ(&mut self, which: &str, what: &str) {
        self.differences.push(format!("{which}: {what}"));
    }

    fn compare(&mut self, which: &str, books: &FirmBooks, context: &VerifiedContext) {
        self.compared += 1;
        match compare(&books.firm, &books.activations, context) {
            Some(differences) => {
                for difference in differences {
                    self.differ(which, &difference.to_string());
                }
            }
            None => self.outdated.push(which.to_owned()),
        }
    }
}

/// Recomputes everything from the tables, and compares every firm item with its newest receipt. `makers` are the dongle
/// makers whose contexts are believed. Safe while the server runs.
///
/// # Errors
/// The database cannot be read.
pub async fn audit(store: &dyn Store, makers: &[PublicKey]) -> Result<Report, StoreError> {
    let mut report = Report::default();
    for finding in store.audit().await? {
        report.differ(&finding.which, finding.what);
    }
    let mut after = None;
    loop {
        let page = store.firm_books(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(report) };
        after = Some((last.firm.serial, last.firm.firm_code));
        for books in &page {
            audit_firm(books, makers, &mut report);
        }
    }
}

fn audit_firm(books: &FirmBooks, makers: &[PublicKey], report: &mut Report) {
    let firm = &books.firm;
    let which = format!("container {}, firm code {}", firm.serial, firm.firm_code);
    let Some(receipt) = &books.receipt else {
        // A firm item that was never proven to have changed holds nothing; the tables tell when it should.
        return;
    };
    match VerifiedContext::verify(&receipt.bytes, makers) {
        Ok(context) => {
            let names = (context.serial(), context.firm_code(), context.body().link, context.hash());
            if names == (receipt.serial, receipt.firm_code, receipt.link, receipt.hash) {
                report.compare(&which, books, &context);
            } else {
                report.differ(&which, "its newest receipt is not the context it is filed as");
            }
        }
        Err(error) => report.differ(&which, &format!("its newest receipt is not valid: {error}")),
    }
}

/// Compares one given context with the books; `name` says which, in the report.
///
/// # Errors
/// The database cannot be read.
pub async fn audit_context(
    store: &dyn Store,
    makers: &[PublicKey],
    name: &str,
    file: &[u8],
    report: &mut Report,
) -> Result<(), StoreError> {
    let context = match VerifiedContext::verify(file, makers) {
        Ok(context) => context,
        Err(error) => {
            report.differ(name, &format!("not a valid context: {error}"));
            return Ok(());
        }
    };
    match store.books_of(context.serial(), context.firm_code()).await? {
        Some(books) => report.compare(name, &books, &context),
        None if context.body().products.is_empty() => {}
        None => report.differ(name, "a container that was never seen here holds licenses"),
    }
    Ok(())
}
