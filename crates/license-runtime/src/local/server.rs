//! The socket: who may connect, and one thread for each program that has.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use container_sim::ContainerError;
use licensing_core::ids::ContainerKind;

use crate::access::{Found, Warning};
use crate::local::{Answer, ContainerState, PROTOCOL, Request, Status, WarningInfo, receive, send};
use crate::owner::{Owner, OwnerHandle};
use crate::registry::RuntimeError;

/// Most programs connected at a time.
const CONNECTIONS_MAX: u32 = 256;

/// A listening socket. The name disappears with it.
pub struct LocalServer {
    listener: UnixListener,
    path: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    owner: OwnerHandle,
    agent: Vec<String>,
    connections: AtomicU32,
    last_connection: AtomicU64,
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Opens the socket at `path`. Call it only while holding the containers: a socket that is already there is
/// then a left-over of a runtime that was killed, and is replaced.
///
/// # Errors
/// The place cannot be written to, or its path is longer than sockets allow (about 100 bytes).
pub fn serve(path: &Path, owner: OwnerHandle, agent: Vec<String>) -> io::Result<LocalServer> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    let (connections, last_connection) = (AtomicU32::new(0), AtomicU64::new(0));
    let shared = Arc::new(Shared { owner, agent, connections, last_connection });
    Ok(LocalServer { listener, path: path.to_owned(), shared })
}

impl LocalServer {
    /// Takes the name of the socket away, so that nobody connects any more.
    pub fn close(&self) {
        // Whoever finds no socket goes to the files; a left-over would only cost it a failed attempt.
        let _ = fs::remove_file(&self.path);
    }

    /// Serves programs until the process ends.
    ///
    /// # Errors
    /// The socket cannot accept any more.
    pub fn run(&self) -> io::Result<()> {
        for stream in self.listener.incoming() {
            let stream = stream?;
            let shared = Arc::clone(&self.shared);
            if shared.connections.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS_MAX {
                shared.connections.fetch_sub(1, Ordering::SeqCst);
                continue;
            }
            let serve = move || {
                // A program that went away, or speaks another language, is no trouble of ours.
                let _ = converse(stream, &shared);
                shared.connections.fetch_sub(1, Ordering::SeqCst);
            };
            if std::thread::Builder::new().name("program".to_owned()).spawn(serve).is_err() {
                self.shared.connections.fetch_sub(1, Ordering::SeqCst);
            }
        }
        Ok(())
    }
}

/// Whether the program on the other side runs as the same user, whatever the modes of the folder say.
fn is_same_user(stream: &UnixStream) -> bool {
    let peer = rustix::net::sockopt::socket_peercred(stream);
    peer.is_ok_and(|peer| peer.uid == rustix::process::getuid())
}

fn converse(mut stream: UnixStream, shared: &Shared) -> io::Result<()> {
    if !is_same_user(&stream) {
        return send(&mut stream, &failed("runtime_denied", "this runtime belongs to another user"));
    }
    match receive::<Request>(&mut stream)? {
        Some(Request::Hello { protocol: PROTOCOL }) => {
            send(&mut stream, &Answer::Hello { protocol: PROTOCOL })?
        }
        Some(_) => {
            let message = format!("the runtime speaks version {PROTOCOL} of its protocol");
            return send(&mut stream, &failed("runtime_protocol", &message));
        }
        None => return Ok(()),
    }
    let connection = shared.last_connection.fetch_add(1, Ordering::SeqCst) + 1;
    let outcome = answer_all(&mut stream, shared, connection);
    // A program that ends, however it ends, gives back what it used.
    let _ = shared.owner.call(move |owner| {
        owner.uses.forget_connection(connection);
        Ok(())
    });
    outcome
}

fn answer_all(stream: &mut UnixStream, shared: &Shared, connection: u64) -> io::Result<()> {
    while let Some(request) = receive::<Request>(stream)? {
        let answer =
            if request == Request::Status { status(shared) } else { ask(shared, connection, request) };
        send(stream, &answer)?;
    }
    Ok(())
}

fn failed(code: &str, message: &str) -> Answer {
    Answer::Failed { code: code.to_owned(), message: message.to_owned() }
}

fn ask(shared: &Shared, connection: u64, request: Request) -> Answer {
    let outcome = shared.owner.call(move |owner| handle(owner, connection, request));
    outcome.unwrap_or_else(|error| match error {
        RuntimeError::Container(ContainerError::Access(refusal)) => {
            Answer::Refused { refusal, warnings: Vec::new() }
        }
        error => failed(error.code(), &error.to_string()),
    })
}

fn status(shared: &Shared) -> Answer {
    let uses = shared.owner.call(|owner| Ok(owner.uses.all()));
    match uses {
        Ok(uses) => Answer::Status(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            agent: shared.agent.clone(),
            connections: shared.connections.load(Ordering::SeqCst),
            uses,
        }),
        Err(error) => failed(error.code(), &error.to_string()),
    }
}

fn warnings(warnings: Vec<Warning>) -> Vec<WarningInfo> {
    let info = |warning: Warning| WarningInfo {
        container: warning.serial,
        code: warning.error.code().to_owned(),
        message: warning.error.to_string(),
    };
    warnings.into_iter().map(info).collect()
}

fn found<T>(found: Found<T>, answer: impl FnOnce(crate::Answer<T>, Vec<WarningInfo>) -> Answer) -> Answer {
    let warnings = warnings(found.warnings);
    match found.outcome {
        Ok(value) => answer(value, warnings),
        Err(refusal) => Answer::Refused { refusal, warnings },
    }
}

fn handle(owner: &mut Owner, connection: u64, request: Request) -> Result<Answer, RuntimeError> {
    Ok(match request {
        // Saying hello again changes nothing.
        Request::Hello { .. } => Answer::Hello { protocol: PROTOCOL },
        Request::Status => Answer::Done,
        Request::Check { firm_code, request, container } => {
            found(owner.check(firm_code, &request, container)?, |answer, warnings| {
                let (source, usable) = (answer.source, answer.value);
                Answer::Usable { source, usable, handle: None, warnings }
            })
        }
        Request::Access { firm_code, request, container } => {
            found(owner.access(connection, firm_code, &request, container)?, |answer, warnings| {
                let (source, (usable, handle)) = (answer.source, answer.value);
                Answer::Usable { source, usable, handle: Some(handle), warnings }
            })
        }
        // What is not counted can be given back at any time.
        Request::Release { handle: 0 } => Answer::Done,
        Request::Release { handle } if owner.uses.release(connection, handle) => Answer::Done,
        Request::Release { .. } => failed("handle_unknown", "this program has no such access"),
        Request::Prove { firm_code, request, challenge, container } => {
            found(owner.prove(firm_code, &request, &challenge, container)?, |answer, warnings| {
                Answer::Proven { source: answer.source, proof: answer.value, warnings }
            })
        }
        request => handle_container(owner, request)?,
    })
}

fn handle_container(owner: &mut Owner, request: Request) -> Result<Answer, RuntimeError> {
    Ok(match request {
        Request::List => {
            let serials = owner.registry().serials()?;
            Answer::Containers(serials.into_iter().map(|serial| state(owner, serial)).collect())
        }
        Request::Show { container } => {
            let firms = owner.firms(container)?;
            let is_test = owner.with(container, |container, _, _| Ok(container.is_test()))?;
            Answer::Containers(vec![ContainerState { container, is_test, firms: Ok(firms) }])
        }
        Request::CreateAct { template } => made(owner.registry().create_act(&template)?.as_ref()),
        Request::CreateDongle { flash_bytes } => made(owner.registry().create_dongle(flash_bytes)?.as_ref()),
        Request::RegisterTemplate { container, template } => {
            owner.with(container, |container, entropy, _| container.register_template(&template, entropy))?;
            Answer::Done
        }
        Request::CreateContext { container, firm_code } => {
            Answer::Bytes(owner.with(container, |container, entropy, now| {
                container.create_context(firm_code, now, entropy)
            })?)
        }
        Request::ImportUpdate { container, update } => Answer::Imported(
            owner.with(container, |container, entropy, _| container.import_update(&update, entropy))?,
        ),
        Request::Binding { container } => binding(owner, container)?,
        Request::Export { container } => Answer::Bytes(owner.registry().export(container)?),
        Request::Import { file } => Answer::Serials(vec![owner.registry().import(&file)?]),
        Request::Pull { container } => {
            owner.pull(container)?;
            Answer::Done
        }
        Request::Plug { container } => {
            owner.plug(container)?;
            Answer::Done
        }
        Request::Pulled => Answer::Serials(owner.registry().pulled()?),
        request => handle_rest(owner, request)?,
    })
}

fn handle_rest(owner: &mut Owner, request: Request) -> Result<Answer, RuntimeError> {
    Ok(match request {
        Request::Flash { container } => Answer::Flash(owner.with(container, |dongle, _, _| dongle.flash())?),
        Request::FlashStore { container, name, content } => {
            owner.with(container, |dongle, _, _| dongle.flash_store(&name, &content))?;
            Answer::Done
        }
        Request::FlashFetch { container, name } => {
            Answer::Bytes(owner.with(container, |dongle, _, _| dongle.flash_fetch(&name))?)
        }
        Request::FlashRemove { container, name } => {
            owner.with(container, |dongle, _, _| dongle.flash_remove(&name))?;
            Answer::Done
        }
        Request::AgentList => {
            Answer::Agent { allowed: owner.registry().consents()?, pending: owner.pending() }
        }
        Request::AgentAllow { origin } => {
            owner.registry().allow(&origin)?;
            owner.forget_pending(&origin);
            Answer::Done
        }
        Request::AgentRevoke { origin } => {
            let was_pending = owner.forget_pending(&origin);
            let was_allowed = owner.registry().revoke(&origin)?;
            if was_pending || was_allowed {
                Answer::Done
            } else {
                failed("agent_origin_unknown", &format!("{origin} is not allowed and does not ask"))
            }
        }
        Request::InstallPreActivated { file } => {
            owner.install_preactivated(&file)?;
            Answer::Done
        }
        Request::ImportBlacklist { file } => Answer::Bytes(owner.import_blacklist(&file)?),
        // Everything else was answered before.
        _ => failed("runtime_protocol", "the runtime does not know this request"),
    })
}

fn made(container: &dyn container_sim::Container) -> Answer {
    let (is_test, serial) = (container.is_test(), container.serial());
    Answer::Containers(vec![ContainerState { container: serial, is_test, firms: Ok(Vec::new()) }])
}

fn state(owner: &mut Owner, serial: licensing_core::ids::ContainerSerial) -> ContainerState {
    let looked_into = owner.with(serial, |container, _, _| Ok((container.is_test(), container.firms()?)));
    match looked_into {
        Ok((is_test, firms)) => ContainerState { container: serial, is_test, firms: Ok(firms) },
        Err(error) => {
            let why = (error.code().to_owned(), error.to_string());
            ContainerState { container: serial, is_test: false, firms: Err(why) }
        }
    }
}

fn binding(owner: &mut Owner, serial: licensing_core::ids::ContainerSerial) -> Result<Answer, RuntimeError> {
    match owner.with(serial, |container, _, _| container.binding_report()) {
        Ok(report) => Ok(Answer::Binding { report, outline: None }),
        Err(RuntimeError::Container(ContainerError::WrongComputer))
            if serial.kind() == ContainerKind::Act =>
        {
            Ok(Answer::Binding { report: None, outline: Some(owner.registry().outline(serial)?) })
        }
        Err(error) => Err(error),
    }
}
