//! Driving a transfer: eight visible phases, resumable after any interruption.

use std::io;

use licensing_core::crypto::digest::hash;
use licensing_core::ids::{ContainerSerial, FirmCode};
use licensing_core::limits::{TEMPLATE_BYTES_MAX, UPDATE_BYTES_MAX};
use licensing_core::ticket_code::TicketCode;
use licensing_core::{Entropy, random};
use licensing_wire::binary::{from_base64, to_base64, to_hex};
use licensing_wire::json::{ReceiptRequest, SelectionMessage, TransferRequest};

use crate::client::ServerClient;
use crate::http::ClientError;
use crate::journal::{Journal, JournalEntry, Stage};

/// The visible phases of a transfer, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking for an unfinished transfer.
    Starting,
    /// Fetching the vendor's template (a new act license only).
    DownloadingTemplate,
    /// Taking the template into the container.
    RegisteringTemplate,
    /// Making a context.
    CreatingRequest,
    /// Asking the server.
    DownloadingUpdate,
    /// Taking the update into the container.
    ImportingUpdate,
    /// Making a context that proves it.
    CreatingReceipt,
    /// Telling the server.
    UploadingReceipt,
}

/// Every phase with the text a user sees.
pub const PHASES: [(Phase, &str); 8] = [
    (Phase::Starting, "Starting license transfer"),
    (Phase::DownloadingTemplate, "Downloading license template"),
    (Phase::RegisteringTemplate, "Registering license template"),
    (Phase::CreatingRequest, "Creating license request"),
    (Phase::DownloadingUpdate, "Downloading license update"),
    (Phase::ImportingUpdate, "Importing license update to container"),
    (Phase::CreatingReceipt, "Creating receipt"),
    (Phase::UploadingReceipt, "Uploading receipt"),
];

impl Phase {
    /// Its place, from 1 to 8.
    #[must_use]
    pub const fn number(self) -> usize {
        self as usize + 1
    }

    /// The text a user sees.
    #[must_use]
    pub const fn text(self) -> &'static str {
        PHASES[self as usize].1
    }
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Steps applied now.
    pub applied: u32,
    /// Steps that had been applied before.
    pub already_applied: u32,
    /// Counter afterwards.
    pub counter: u64,
}

/// A container as a transfer sees it.
pub trait TransferContainer {
    /// Why the container cannot do something.
    type Error;

    /// Its serial.
    fn serial(&self) -> ContainerSerial;

    /// Whether a template must be registered before it can make a context for the firm code.
    ///
    /// # Errors
    /// The container cannot be read.
    fn needs_template(&mut self, firm_code: FirmCode) -> Result<bool, Self::Error>;

    /// Takes a template.
    ///
    /// # Errors
    /// The container refuses it.
    fn register_template(&mut self, template: &[u8]) -> Result<(), Self::Error>;

    /// Makes a context.
    ///
    /// # Errors
    /// The container cannot.
    fn create_context(&mut self, firm_code: FirmCode) -> Result<Vec<u8>, Self::Error>;

    /// Takes an update.
    ///
    /// # Errors
    /// The container refuses it and is unchanged.
    fn import_update(&mut self, update: &[u8]) -> Result<Imported, Self::Error>;
}

/// Why a transfer did not finish. Running it again resumes it.
#[derive(Debug)]
pub enum TransferError<E> {
    /// The server refused or cannot be reached.
    Server(ClientError),
    /// The container refused.
    Container(E),
    /// The journal cannot be kept.
    Journal(io::Error),
}

impl<E> From<ClientError> for TransferError<E> {
    fn from(error: ClientError) -> Self {
        Self::Server(error)
    }
}

impl<E> From<io::Error> for TransferError<E> {
    fn from(error: io::Error) -> Self {
        Self::Journal(error)
    }
}

/// Which way licenses move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Into the container.
    Activate,
    /// Out of it.
    Deactivate,
}

/// A transfer that finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The container.
    pub serial: ContainerSerial,
    /// What the import did.
    pub imported: Imported,
    /// Whether the receipt reached the server. When not, the licenses are in the container all the same, and
    /// the next transfer uploads it.
    pub receipt_uploaded: bool,
    /// Whether an interrupted transfer was finished.
    pub resumed: bool,
}

/// A transfer to be done.
pub struct Transfer<'a> {
    /// The server.
    pub server: &'a ServerClient,
    /// The ticket.
    pub ticket: &'a TicketCode,
    /// Which way.
    pub action: Action,
    /// Licenses; everything possible when empty.
    pub licenses: &'a [SelectionMessage],
    /// The vendor.
    pub firm_code: FirmCode,
}

impl Transfer<'_> {
    /// What is asked, as a hash: the same question gives the same hash.
    fn fingerprint(&self, serial: ContainerSerial) -> String {
        let action = [self.action as u8];
        let (serial, firm_code) = (serial.to_bytes(), self.firm_code.get().to_be_bytes());
        let ticket = self.ticket.canonical();
        let mut parts: Vec<&[u8]> = vec![&action, &serial, &firm_code, ticket.as_bytes()];
        let quantities: Vec<[u8; 4]> =
            self.licenses.iter().map(|l| l.quantity.unwrap_or(0).to_be_bytes()).collect();
        for (license, quantity) in self.licenses.iter().zip(&quantities) {
            parts.push(license.id.as_bytes());
            parts.push(quantity);
        }
        to_hex(&hash("transfer request", &parts))
    }

    /// Does the transfer, or finishes the one that was interrupted.
    ///
    /// Each phase is told to `progress` when it begins.
    ///
    /// # Errors
    /// [`TransferError`]; nothing is lost, and running the same transfer again resumes it.
    pub fn run<C: TransferContainer>(
        &self,
        container: &mut C,
        journal: &mut dyn Journal,
        entropy: &mut dyn Entropy,
        progress: &mut dyn FnMut(Phase),
    ) -> Result<Outcome, TransferError<C::Error>> {
        progress(Phase::Starting);
        let fingerprint = self.fingerprint(container.serial());
        let unfinished = journal.load()?.filter(|entry| entry.firm_code == self.firm_code.get());
        let resumable = unfinished.filter(|entry| match entry.stage {
            // Its update is in the container; the next context proves it whatever is asked now.
            Stage::Imported => false,
            // Another question: the server's answer to it carries the steps of the unfinished one as well.
            Stage::Requested => entry.fingerprint == fingerprint,
        });
        if let Some(entry) = resumable {
            match self.finish(container, journal, entropy, progress, entry) {
                // The old context has been overtaken, for example by a file import: ask with a new one.
                Err(TransferError::Server(error)) if !error.is_passing() => {}
                outcome => return outcome.map(|outcome| Outcome { resumed: true, ..outcome }),
            }
        }
        if container.needs_template(self.firm_code).map_err(TransferError::Container)? {
            progress(Phase::DownloadingTemplate);
            let template = self.server.template(self.firm_code.get())?;
            let template = from_base64(&template.template, TEMPLATE_BYTES_MAX).map_err(bad_answer)?;
            progress(Phase::RegisteringTemplate);
            container.register_template(&template).map_err(TransferError::Container)?;
        }
        progress(Phase::CreatingRequest);
        let context = container.create_context(self.firm_code).map_err(TransferError::Container)?;
        let entry = JournalEntry {
            firm_code: self.firm_code.get(),
            key: to_hex(&random::<16>(entropy)),
            fingerprint,
            context: to_base64(&context),
            stage: Stage::Requested,
        };
        journal.store(&entry)?;
        self.finish(container, journal, entropy, progress, entry)
    }

    /// From the request on: everything here may be repeated without harm.
    fn finish<C: TransferContainer>(
        &self,
        container: &mut C,
        journal: &mut dyn Journal,
        entropy: &mut dyn Entropy,
        progress: &mut dyn FnMut(Phase),
        entry: JournalEntry,
    ) -> Result<Outcome, TransferError<C::Error>> {
        progress(Phase::DownloadingUpdate);
        let request = TransferRequest {
            ticket: self.ticket.to_string(),
            licenses: self.licenses.to_vec(),
            context: entry.context.clone(),
        };
        let answer = match self.action {
            Action::Activate => self.server.activate(&request, &entry.key),
            Action::Deactivate => self.server.deactivate(&request, &entry.key),
        };
        let answer = answer.inspect_err(|error| {
            if !error.is_passing() {
                // Refused for good: there is nothing to resume. A journal that cannot be removed is found, and
                // refused again, next time.
                let _ = journal.clear();
            }
        })?;
        let update = from_base64(&answer.update, UPDATE_BYTES_MAX).map_err(bad_answer)?;
        progress(Phase::ImportingUpdate);
        let imported = container.import_update(&update).map_err(TransferError::Container)?;
        journal.store(&JournalEntry { stage: Stage::Imported, ..entry })?;
        progress(Phase::CreatingReceipt);
        let receipt = container.create_context(self.firm_code).map_err(TransferError::Container)?;
        progress(Phase::UploadingReceipt);
        let key = to_hex(&random::<16>(entropy));
        let uploaded = self.server.receipt(&ReceiptRequest { context: to_base64(&receipt) }, &key);
        let receipt_uploaded = match uploaded {
            Ok(_) => true,
            Err(error) if error.is_passing() => false,
            Err(error) => return Err(error.into()),
        };
        if receipt_uploaded {
            journal.clear()?;
        }
        Ok(Outcome { serial: container.serial(), imported, receipt_uploaded, resumed: false })
    }
}

fn bad_answer<E>(error: licensing_core::error::FormatError) -> TransferError<E> {
    TransferError::Server(ClientError::BadAnswer(error.to_string()))
}
