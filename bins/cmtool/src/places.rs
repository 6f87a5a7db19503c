//! From arguments to the things a command works on: the server, the containers of this computer, a ticket.

use std::io::Read;
use std::path::{Path, PathBuf};

use container_sim::storage::{DirStorage, Storage, replace};
use license_runtime::{Computer, Container, ContainerError, Places, SystemClock, SystemEntropy};
use licensing_client::{Imported, Journal, JournalEntry, ServerClient, TransferContainer};
use licensing_core::ids::{ContainerKind, ContainerSerial, FirmCode};
use licensing_core::ticket_code::TicketCode;

use crate::args::{Global, TicketArgument};
use crate::failure::Failure;

impl Global {
    fn server_address(&self) -> Result<&str, Failure> {
        let missing =
            || Failure::new("usage", "this command needs the server: pass --server URL or set CM_SERVER");
        self.server.as_deref().ok_or_else(missing)
    }

    /// The server, as a customer talks to it.
    pub(crate) fn customer_server(&self) -> Result<ServerClient, Failure> {
        Ok(ServerClient::new(self.server_address()?, None)?)
    }

    /// The server, as the vendor talks to it.
    pub(crate) fn vendor_server(&self) -> Result<ServerClient, Failure> {
        let missing = || {
            Failure::new(
                "unauthorized",
                "this command needs an API token: pass --token-file or set CM_TOKEN_FILE",
            )
        };
        let file = self.token_file.as_deref().ok_or_else(missing)?;
        let token =
            std::fs::read_to_string(file).map_err(|error| Failure::unreadable(file.display(), &error))?;
        Ok(ServerClient::new(self.server_address()?, Some(token.trim().to_owned()))?)
    }

    /// The containers of this computer.
    pub(crate) fn computer(&self) -> Result<Computer, Failure> {
        let below = |xdg: &Option<PathBuf>, rest: &str| {
            Places::user_folder(xdg.as_deref(), self.user_home.as_deref(), rest)
        };
        let home = self.home.clone().or_else(|| below(&self.data_home, ".local/share"));
        let state = below(&self.state_home, ".local/state");
        let no_home = || Failure::new("usage", "there is no home folder: pass --home DIR or set CM_HOME");
        let home = home.ok_or_else(no_home)?;
        let state = state.unwrap_or_else(|| home.join("state"));
        let places = Places::below(&home, &state);
        #[cfg(feature = "test-host")]
        if let Some(file) = &self.test_host_traits {
            let host = container_sim::traits::TestHost::load(file)
                .map_err(|error| Failure::unreadable(file.display(), &error))?;
            return Ok(Computer::open_on(places, || Box::new(host))?);
        }
        Ok(Computer::open(places)?)
    }
}

impl TicketArgument {
    /// The ticket, from the argument, a file, or standard input.
    pub(crate) fn read(&self) -> Result<TicketCode, Failure> {
        let text = match (&self.ticket, &self.ticket_file) {
            (Some(ticket), _) if ticket != "-" => ticket.clone(),
            (_, Some(file)) => {
                std::fs::read_to_string(file).map_err(|error| Failure::unreadable(file.display(), &error))?
            }
            _ => standard_input()?,
        };
        Ok(text.parse::<TicketCode>()?)
    }
}

/// The text on standard input, of which no more is read than a line may have.
pub(crate) fn standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    let input = std::io::stdin().take(1_024).read_to_string(&mut text);
    input.map_err(|error| Failure::unreadable("standard input", &error))?;
    Ok(text)
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| Failure::unreadable(path.display(), &error);
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > limit {
        let error = licensing_core::error::FormatError::TooLarge { limit };
        return Err(Failure::new(error.code(), error.to_string()));
    }
    Ok(bytes)
}

/// Writes a result.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes)
        .map_err(|error| Failure::new("output_unwritable", format!("{}: {error}", path.display())))
}

/// A container of this computer as a transfer drives it.
pub(crate) struct Driven {
    pub(crate) container: Box<dyn Container>,
    pub(crate) entropy: SystemEntropy,
    pub(crate) clock: SystemClock,
}

impl TransferContainer for Driven {
    type Error = ContainerError;

    fn serial(&self) -> ContainerSerial {
        self.container.serial()
    }

    fn needs_template(&mut self, firm_code: FirmCode) -> Result<bool, ContainerError> {
        let is_act = self.container.serial().kind() == ContainerKind::Act;
        Ok(is_act && !self.container.firms()?.iter().any(|firm| firm.firm_code == firm_code))
    }

    fn register_template(&mut self, template: &[u8]) -> Result<(), ContainerError> {
        self.container.register_template(template, &mut self.entropy)
    }

    fn create_context(&mut self, firm_code: FirmCode) -> Result<Vec<u8>, ContainerError> {
        self.container.create_context(firm_code, self.clock.now(), &mut self.entropy)
    }

    fn import_update(&mut self, update: &[u8]) -> Result<Imported, ContainerError> {
        let report = self.container.import_update(update, &mut self.entropy)?;
        Ok(Imported {
            applied: report.applied,
            already_applied: report.already_applied,
            counter: report.counter,
        })
    }
}

/// The journal of a container and firm code, in a file of its own.
pub(crate) struct FileJournal {
    folder: DirStorage,
    name: String,
}

impl FileJournal {
    pub(crate) fn open(folder: &Path, serial: ContainerSerial, firm_code: FirmCode) -> Result<Self, Failure> {
        let folder =
            DirStorage::open(folder).map_err(|error| Failure::unreadable(folder.display(), &error))?;
        Ok(Self { folder, name: format!("{serial}-{firm_code}.transfer") })
    }
}

impl Journal for FileJournal {
    fn load(&self) -> std::io::Result<Option<JournalEntry>> {
        // A journal that cannot be read is as good as none: the next context tells the server all it needs.
        Ok(self.folder.read(&self.name)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    fn store(&mut self, entry: &JournalEntry) -> std::io::Result<()> {
        replace(&mut self.folder, &self.name, &serde_json::to_vec(entry)?)
    }

    fn clear(&mut self) -> std::io::Result<()> {
        self.folder.remove(&self.name)?;
        self.folder.sync_folder()
    }
}
