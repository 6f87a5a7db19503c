//! A program's end of the socket.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};

use container_sim::binding::BindingReport;
use container_sim::{Container, ContainerError, FirmInfo, FlashInfo};
use licensing_core::Entropy;
use licensing_core::access::{AccessRefusal, AccessRequest, Usable};
use licensing_core::device::{ApplyReport, Proof};
use licensing_core::ids::{ContainerSerial, FirmCode, FlashName};
use licensing_core::time::Timestamp;

use crate::local::{Answer, PROTOCOL, Request, receive, send};
use crate::registry::RuntimeError;

/// A connection to the license runtime of this computer.
///
/// Uses that were taken through it are given back when it is dropped.
pub struct Client {
    stream: UnixStream,
}

impl Client {
    /// Connects; `None` when no runtime is running.
    ///
    /// # Errors
    /// It is running and does not want to talk to this program.
    pub fn connect(socket: &Path) -> Result<Option<Self>, RuntimeError> {
        let stream = match UnixStream::connect(socket) {
            Ok(stream) => stream,
            Err(error) => {
                use io::ErrorKind::{ConnectionRefused, NotFound};
                let is_absent = matches!(error.kind(), NotFound | ConnectionRefused);
                return if is_absent { Ok(None) } else { Err(RuntimeError::Unreachable(error)) };
            }
        };
        let mut client = Self { stream };
        match client.ask(&Request::Hello { protocol: PROTOCOL })? {
            Answer::Hello { .. } => Ok(Some(client)),
            other => Err(unexpected(other)),
        }
    }

    /// Asks and waits for the answer, whatever it is.
    ///
    /// # Errors
    /// The runtime is gone.
    pub fn ask(&mut self, request: &Request) -> Result<Answer, RuntimeError> {
        let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
        send(&mut self.stream, request).map_err(RuntimeError::Unreachable)?;
        let answer = receive(&mut self.stream).map_err(RuntimeError::Unreachable)?;
        answer.ok_or_else(|| RuntimeError::Unreachable(gone()))
    }

    /// As [`Client::ask`], with a failure made an error.
    ///
    /// # Errors
    /// The runtime is gone, or says why not.
    pub fn request(&mut self, request: &Request) -> Result<Answer, RuntimeError> {
        match self.ask(request)? {
            answer @ Answer::Failed { .. } => Err(unexpected(answer)),
            answer => Ok(answer),
        }
    }
}

/// A connection that a program and the containers it has opened share, one request at a time.
#[derive(Clone)]
pub struct SharedClient(Arc<Mutex<Client>>);

impl SharedClient {
    /// Shares a connection.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(Arc::new(Mutex::new(client)))
    }

    /// As [`Client::request`].
    ///
    /// # Errors
    /// The runtime is gone, or says why not.
    pub fn request(&self, request: &Request) -> Result<Answer, RuntimeError> {
        // Whoever panicked between a request and its answer has left a connection that answers the wrong thing.
        let mut client = self.0.lock().map_err(|_| {
            RuntimeError::Unreachable(io::Error::other("an earlier request of this program broke off"))
        })?;
        client.request(request)
    }
}

/// The error an answer means that is not the one that was asked for.
pub(crate) fn unexpected(answer: Answer) -> RuntimeError {
    match answer {
        Answer::Failed { code, message } => match code.as_str() {
            "container_busy" => RuntimeError::Busy,
            _ => RuntimeError::Remote { code, message },
        },
        Answer::Refused { refusal, .. } => ContainerError::Access(refusal).into(),
        _ => {
            let message = "the license runtime answered something else than was asked".to_owned();
            RuntimeError::Remote { code: "runtime_protocol".to_owned(), message }
        }
    }
}

fn container_error(error: RuntimeError) -> ContainerError {
    match error {
        RuntimeError::Container(error) => error,
        error => ContainerError::Device { code: error.code().to_owned(), message: error.to_string() },
    }
}

/// A container that the runtime holds, as one of this program's own.
pub struct RemoteContainer {
    client: SharedClient,
    serial: ContainerSerial,
    is_test: bool,
}

impl RemoteContainer {
    /// A container of the runtime.
    #[must_use]
    pub const fn new(client: SharedClient, serial: ContainerSerial, is_test: bool) -> Self {
        Self { client, serial, is_test }
    }

    fn request(&self, request: &Request) -> Result<Answer, ContainerError> {
        self.client.request(request).map_err(container_error)
    }

    fn bytes(&self, request: &Request) -> Result<Vec<u8>, ContainerError> {
        match self.request(request)? {
            Answer::Bytes(bytes) => Ok(bytes),
            other => Err(container_error(unexpected(other))),
        }
    }

    fn done(&self, request: &Request) -> Result<(), ContainerError> {
        match self.request(request)? {
            Answer::Done => Ok(()),
            other => Err(container_error(unexpected(other))),
        }
    }

    fn usable(&self, request: &Request) -> Result<(Usable, Option<u64>), ContainerError> {
        match self.request(request)? {
            Answer::Usable { usable, handle, .. } => Ok((usable, handle)),
            Answer::Refused { refusal, .. } => Err(AccessRefusal::into(refusal)),
            other => Err(container_error(unexpected(other))),
        }
    }
}

impl Container for RemoteContainer {
    fn serial(&self) -> ContainerSerial {
        self.serial
    }

    fn is_test(&self) -> bool {
        self.is_test
    }

    fn firms(&mut self) -> Result<Vec<FirmInfo>, ContainerError> {
        match self.request(&Request::Show { container: self.serial })? {
            Answer::Containers(mut states) => match states.pop().map(|state| state.firms) {
                Some(Ok(firms)) => Ok(firms),
                Some(Err((code, message))) => Err(ContainerError::Device { code, message }),
                None => Err(ContainerError::NotFound),
            },
            other => Err(container_error(unexpected(other))),
        }
    }

    fn register_template(&mut self, template: &[u8], _: &mut dyn Entropy) -> Result<(), ContainerError> {
        self.done(&Request::RegisterTemplate { container: self.serial, template: template.to_vec() })
    }

    fn create_context(
        &mut self,
        firm_code: FirmCode,
        _: Timestamp,
        _: &mut dyn Entropy,
    ) -> Result<Vec<u8>, ContainerError> {
        self.bytes(&Request::CreateContext { container: self.serial, firm_code })
    }

    fn import_update(&mut self, update: &[u8], _: &mut dyn Entropy) -> Result<ApplyReport, ContainerError> {
        match self.request(&Request::ImportUpdate { container: self.serial, update: update.to_vec() })? {
            Answer::Imported(report) => Ok(report),
            other => Err(container_error(unexpected(other))),
        }
    }

    fn check(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        _: Timestamp,
    ) -> Result<Usable, ContainerError> {
        let container = Some(self.serial);
        self.usable(&Request::Check { firm_code, request: *request, container }).map(|(usable, _)| usable)
    }

    fn consume(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        _: Timestamp,
        _: &mut dyn Entropy,
    ) -> Result<Usable, ContainerError> {
        let container = Some(self.serial);
        let access = Request::Access { firm_code, request: *request, container };
        let (usable, handle) = self.usable(&access)?;
        if let Some(handle) = handle {
            self.done(&Request::Release { handle })?;
        }
        Ok(usable)
    }

    fn prove(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        challenge: &[u8; 32],
        _: Timestamp,
    ) -> Result<Proof, ContainerError> {
        let container = Some(self.serial);
        let prove = Request::Prove { firm_code, request: *request, challenge: *challenge, container };
        match self.request(&prove)? {
            Answer::Proven { proof, .. } => Ok(proof),
            other => Err(container_error(unexpected(other))),
        }
    }

    fn binding_report(&mut self) -> Result<Option<BindingReport>, ContainerError> {
        match self.request(&Request::Binding { container: self.serial })? {
            Answer::Binding { outline: Some(_), .. } => Err(ContainerError::WrongComputer),
            Answer::Binding { report, .. } => Ok(report),
            other => Err(container_error(unexpected(other))),
        }
    }

    fn flash(&mut self) -> Result<FlashInfo, ContainerError> {
        match self.request(&Request::Flash { container: self.serial })? {
            Answer::Flash(info) => Ok(info),
            other => Err(container_error(unexpected(other))),
        }
    }

    fn flash_store(&mut self, name: &FlashName, content: &[u8]) -> Result<(), ContainerError> {
        let (name, content) = (name.clone(), content.to_vec());
        self.done(&Request::FlashStore { container: self.serial, name, content })
    }

    fn flash_fetch(&mut self, name: &FlashName) -> Result<Vec<u8>, ContainerError> {
        self.bytes(&Request::FlashFetch { container: self.serial, name: name.clone() })
    }

    fn flash_remove(&mut self, name: &FlashName) -> Result<(), ContainerError> {
        self.done(&Request::FlashRemove { container: self.serial, name: name.clone() })
    }
}
