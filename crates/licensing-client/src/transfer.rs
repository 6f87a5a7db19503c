//! Driving a transfer: eight visible phases, resumable after any interruption.

use std::io;

use licensing_core::crypto::digest::hash;
use licensing_core::ids::{ContainerSerial, FirmCode};
use licensing_core::limits::{TEMPLATE_BYTES_MAX, UPDATE_BYTES_MAX};
use licensing_core::ticket_code::TicketCode;
use licensing_core::{Entropy, random};
use licensing_wire::binary::{from_base64, to_base64, to_hex};
use licensing_wire::json::{
    AutomaticUpdateRequest, CancellationRequest, ConversionRequest, ReactivationRequest, ReceiptAnswer,
    ReceiptRequest, RestoreRequest, SelectionMessage, TransferAnswer, TransferRequest,
};

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

/// What a transfer is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Licenses of the ticket into the container; everything possible when none is named.
    Activate {
        /// The ticket.
        ticket: TicketCode,
        /// The licenses.
        licenses: Vec<SelectionMessage>,
    },
    /// Licenses of the ticket out of the container; everything possible when none is named.
    Deactivate {
        /// The ticket.
        ticket: TicketCode,
        /// The licenses.
        licenses: Vec<SelectionMessage>,
    },
    /// Licenses of the ticket that are in other containers into this one. The user accepts that those are blacklisted.
    Reactivate {
        /// The ticket.
        ticket: TicketCode,
        /// License ids; everything possible when none is named.
        licenses: Vec<String>,
        /// Whether he does.
        accept_conditions: bool,
    },
    /// What is unfinished of the ticket in the container undone.
    Cancel {
        /// The ticket.
        ticket: TicketCode,
    },
    /// Everything of another act license of this computer into this one.
    Restore {
        /// The other one.
        old: ContainerSerial,
    },
    /// What the vendor has for the container.
    AutomaticUpdate,
    /// A pre-activated license into the container.
    Convert {
        /// The license file.
        license: Vec<u8>,
    },
}

impl Wish {
    /// What is asked, as a hash: the same question gives the same hash.
    #[must_use]
    pub fn fingerprint(&self, serial: ContainerSerial, firm_code: FirmCode) -> String {
        let mut parts: Vec<Vec<u8>> =
            vec![serial.to_bytes().to_vec(), firm_code.get().to_be_bytes().to_vec()];
        let mut ask = |kind: &str, ticket: Option<&TicketCode>| {
            parts.push(kind.as_bytes().to_vec());
            parts.extend(ticket.map(|ticket| ticket.canonical().as_bytes().to_vec()));
        };
        match self {
            Self::Activate { ticket, .. } => ask("activate", Some(ticket)),
            Self::Deactivate { ticket, .. } => ask("deactivate", Some(ticket)),
            Self::Reactivate { ticket, .. } => ask("reactivate", Some(ticket)),
            Self::Cancel { ticket } => ask("cancel", Some(ticket)),
            Self::Restore { .. } => ask("restore", None),
            Self::AutomaticUpdate => ask("automatic update", None),
            Self::Convert { .. } => ask("convert", None),
        }
        match self {
            Self::Activate { licenses, .. } | Self::Deactivate { licenses, .. } => {
                for license in licenses {
                    parts.push(license.id.as_bytes().to_vec());
                    parts.push(license.quantity.unwrap_or(0).to_be_bytes().to_vec());
                }
            }
            Self::Reactivate { licenses, accept_conditions, .. } => {
                parts.extend(licenses.iter().map(|license| license.as_bytes().to_vec()));
                parts.push(vec![u8::from(*accept_conditions)]);
            }
            Self::Restore { old } => parts.push(old.to_bytes().to_vec()),
            Self::Convert { license } => parts.push(license.clone()),
            Self::Cancel { .. } | Self::AutomaticUpdate => {}
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        to_hex(&hash("transfer request", &parts))
    }

    /// Asks the server. The same `key` with the same context gives the same answer, however often it is sent.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn ask(
        &self,
        server: &ServerClient,
        context: String,
        key: &str,
    ) -> Result<TransferAnswer, ClientError> {
        match self {
            Self::Activate { ticket, licenses } => {
                let (ticket, licenses) = (ticket.to_string(), licenses.clone());
                server.activate(&TransferRequest { ticket, licenses, context }, key)
            }
            Self::Deactivate { ticket, licenses } => {
                let (ticket, licenses) = (ticket.to_string(), licenses.clone());
                server.deactivate(&TransferRequest { ticket, licenses, context }, key)
            }
            Self::Reactivate { ticket, licenses, accept_conditions } => {
                let (ticket, licenses) = (ticket.to_string(), licenses.clone());
                let accept_conditions = *accept_conditions;
                server.reactivate(&ReactivationRequest { ticket, licenses, context, accept_conditions }, key)
            }
            Self::Cancel { ticket } => {
                server.cancel(&CancellationRequest { ticket: ticket.to_string(), context }, key)
            }
            Self::Restore { old } => server.restore(&RestoreRequest { old: old.to_string(), context }, key),
            Self::AutomaticUpdate => server.automatic_update(&AutomaticUpdateRequest { context }, key),
            Self::Convert { license } => {
                server.convert(&ConversionRequest { license: to_base64(license), context }, key)
            }
        }
    }
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
    /// What it is to do.
    pub wish: &'a Wish,
    /// The vendor.
    pub firm_code: FirmCode,
}

impl Transfer<'_> {
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
        let fingerprint = self.wish.fingerprint(container.serial(), self.firm_code);
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
        let answer = match self.wish.ask(self.server, entry.context.clone(), &entry.key) {
            Ok(answer) => answer,
            Err(error) => return Err(self.refused(container, journal, progress, error)),
        };
        let update = from_base64(&answer.update, UPDATE_BYTES_MAX).map_err(bad_answer)?;
        progress(Phase::ImportingUpdate);
        let imported = container.import_update(&update).map_err(TransferError::Container)?;
        journal.store(&JournalEntry { stage: Stage::Imported, ..entry })?;
        let key = to_hex(&random::<16>(entropy));
        let uploaded = self.upload_receipt(container, progress, &key)?;
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

    /// A refusal for good: there is nothing to resume. When an update goes with it, the container takes it, whatever
    /// its user wanted: the vendor's part of the transaction, what a stale context missed, or a lock.
    fn refused<C: TransferContainer>(
        &self,
        container: &mut C,
        journal: &mut dyn Journal,
        progress: &mut dyn FnMut(Phase),
        error: ClientError,
    ) -> TransferError<C::Error> {
        if error.is_passing() {
            return error.into();
        }
        // A journal that cannot be removed is found, and refused again, next time.
        let _ = journal.clear();
        let update = error.problem().update.and_then(|update| from_base64(&update, UPDATE_BYTES_MAX).ok());
        if let Some(update) = update {
            progress(Phase::ImportingUpdate);
            // The refusal is what the user has to hear; a receipt that fails is made up for by the next contact.
            if container.import_update(&update).is_ok() {
                let key = to_hex(&hash("receipt after a refusal", &[&update]));
                let _ = self.upload_receipt(container, progress, &key);
            }
        }
        error.into()
    }

    fn upload_receipt<C: TransferContainer>(
        &self,
        container: &mut C,
        progress: &mut dyn FnMut(Phase),
        key: &str,
    ) -> Result<Result<ReceiptAnswer, ClientError>, TransferError<C::Error>> {
        progress(Phase::CreatingReceipt);
        let receipt = container.create_context(self.firm_code).map_err(TransferError::Container)?;
        progress(Phase::UploadingReceipt);
        Ok(self.server.receipt(&ReceiptRequest { context: to_base64(&receipt) }, key))
    }
}

fn bad_answer<E>(error: licensing_core::error::FormatError) -> TransferError<E> {
    TransferError::Server(ClientError::BadAnswer(error.to_string()))
}
