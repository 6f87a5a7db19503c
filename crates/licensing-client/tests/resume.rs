//! Transfers that break off at every place, and are run again: the same question gets the same answer, nothing is
//! asked twice, and a finished transfer leaves no journal.
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use licensing_client::{
    Imported, Journal, JournalEntry, Outcome, PHASES, Phase, ServerClient, Settings, Transfer,
    TransferContainer, TransferError, Wish,
};
use licensing_core::ids::{ContainerKind, ContainerSerial, FirmCode};
use licensing_core::testing::TestEntropy;
use licensing_core::ticket_code::TicketCode;

/// What the server does with the next connection.
#[derive(Debug, Clone)]
enum Next {
    /// Closes it without reading.
    Drop,
    /// Reads the request and closes: whether it was carried out, the client cannot know.
    ReadAndDrop,
    /// Answers.
    Answer(u16, String),
}

/// What the server was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    path: String,
    key: String,
    body: String,
}

/// A server that does what the script says.
struct Script {
    address: String,
    script: Arc<Mutex<VecDeque<Next>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Script {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let script: Arc<Mutex<VecDeque<Next>>> = Arc::default();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (next, log) = (Arc::clone(&script), Arc::clone(&asked));
        // Ends with the process; it only ever waits for connections of this test.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let Some(next) = next.lock().unwrap().pop_front() else { continue };
                if matches!(next, Next::Drop) {
                    continue;
                }
                let Some(asked) = read(&mut BufReader::new(&mut stream)) else { continue };
                log.lock().unwrap().push(asked);
                if let Next::Answer(status, body) = next {
                    let kind = if status == 200 { "application/json" } else { "application/problem+json" };
                    let head =
                        format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nconnection: close\r\n");
                    let _ = write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
                }
            }
        });
        Self { address, script, asked }
    }

    fn play(&self, script: &[Next]) {
        *self.script.lock().unwrap() = script.iter().cloned().collect();
    }

    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn read(stream: &mut impl BufRead) -> Option<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let found = lines
            .iter()
            .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    let path = lines.first()?.split_whitespace().nth(1)?.to_owned();
    Some(Asked { path, key: header("idempotency-key"), body: String::from_utf8(body).ok()? })
}

/// A container that counts.
struct Container {
    contexts: u8,
    imports: u32,
    breaks_at_import: bool,
}

impl TransferContainer for Container {
    type Error = &'static str;

    fn serial(&self) -> ContainerSerial {
        ContainerSerial::new(ContainerKind::Act, 7).unwrap()
    }

    fn needs_template(&mut self, _: FirmCode) -> Result<bool, Self::Error> {
        Ok(false)
    }

    fn register_template(&mut self, _: &[u8]) -> Result<(), Self::Error> {
        Ok(())
    }

    fn create_context(&mut self, _: FirmCode) -> Result<Vec<u8>, Self::Error> {
        self.contexts += 1;
        Ok(vec![self.contexts])
    }

    fn import_update(&mut self, _: &[u8]) -> Result<Imported, Self::Error> {
        if std::mem::take(&mut self.breaks_at_import) {
            return Err("power cut");
        }
        self.imports += 1;
        Ok(Imported { applied: 1, already_applied: 0, counter: 1 })
    }
}

#[derive(Default)]
struct Memory(Option<JournalEntry>);

impl Journal for Memory {
    fn load(&self) -> io::Result<Option<JournalEntry>> {
        Ok(self.0.clone())
    }

    fn store(&mut self, entry: &JournalEntry) -> io::Result<()> {
        self.0 = Some(entry.clone());
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.0 = None;
        Ok(())
    }
}

struct World {
    script: Script,
    server: ServerClient,
    container: Container,
    journal: Memory,
    entropy: TestEntropy,
    phases: Vec<Phase>,
}

const TICKET: &str = "ABCDE-FGHJK-LMNPQ-RSTUV-WXZ23";

fn update() -> Next {
    Next::Answer(200, r#"{"serial":"130-7","firm_code":1,"update":"AA==","steps":1}"#.to_owned())
}

fn receipt() -> Next {
    Next::Answer(200, r#"{"serial":"130-7","firm_code":1,"proven":1,"counter":1,"unproven":0}"#.to_owned())
}

fn problem(status: u16, code: &str) -> Next {
    let body = format!(
        r#"{{"type":"/problems/{code}","status":{status},"code":"{code}","title":"T","rule":"R","remedy":"M"}}"#
    );
    Next::Answer(status, body)
}

impl World {
    fn new() -> Self {
        let script = Script::new();
        let settings = Settings { attempts: 2, pause: Duration::ZERO, ..Settings::default() };
        let server = ServerClient::with(&script.address, None, settings).unwrap();
        let container = Container { contexts: 0, imports: 0, breaks_at_import: false };
        Self {
            script,
            server,
            container,
            journal: Memory::default(),
            entropy: TestEntropy::new(1),
            phases: vec![],
        }
    }

    fn run(
        &mut self,
        make: fn(TicketCode) -> Wish,
        script: &[Next],
    ) -> Result<Outcome, TransferError<&'static str>> {
        self.script.play(script);
        self.phases.clear();
        let ticket: TicketCode = TICKET.parse().unwrap();
        let firm_code = FirmCode::new(1).unwrap();
        let wish = make(ticket);
        let transfer = Transfer { server: &self.server, wish: &wish, firm_code };
        let phases = &mut self.phases;
        transfer
            .run(&mut self.container, &mut self.journal, &mut self.entropy, &mut |phase| phases.push(phase))
    }
}

fn activate(ticket: TicketCode) -> Wish {
    Wish::Activate { ticket, licenses: vec![] }
}

fn deactivate(ticket: TicketCode) -> Wish {
    Wish::Deactivate { ticket, licenses: vec![] }
}

#[test]
fn an_undisturbed_transfer_shows_its_phases_and_leaves_no_journal() {
    let mut world = World::new();
    let outcome = world.run(activate, &[update(), receipt()]).unwrap();
    assert!(outcome.receipt_uploaded && !outcome.resumed);
    assert_eq!(world.journal.0, None);
    let numbers: Vec<usize> = world.phases.iter().map(|phase| phase.number()).collect();
    assert_eq!(numbers, [1, 4, 5, 6, 7, 8]);
    assert_eq!(PHASES.len(), 8);
    let asked = world.script.asked();
    assert_eq!(
        asked.iter().map(|a| a.path.as_str()).collect::<Vec<_>>(),
        ["/api/v1/activations", "/api/v1/receipts"]
    );
}

#[test]
fn lost_requests_and_lost_answers_are_asked_again_with_the_same_words() {
    for lost in [Next::Drop, Next::ReadAndDrop, problem(503, "try_again")] {
        let mut world = World::new();
        let outcome = world.run(activate, &[lost.clone(), update(), receipt()]).unwrap();
        assert!(outcome.receipt_uploaded, "{lost:?}");
        let mut asked = world.script.asked();
        asked.retain(|a| a.path == "/api/v1/activations");
        assert!(asked.windows(2).all(|pair| pair[0] == pair[1]), "{lost:?}: {asked:?}");
        assert_eq!(world.container.imports, 1);
    }
}

#[test]
fn an_interrupted_transfer_is_resumed_and_not_begun_again() {
    let mut world = World::new();
    let broken = world.run(activate, &[Next::ReadAndDrop, Next::ReadAndDrop]);
    assert!(matches!(broken, Err(TransferError::Server(error)) if error.is_passing()));
    let first = world.script.asked();
    assert!(!format!("{:?}", world.journal.0).contains("ABCDE"), "no ticket in the journal");
    let outcome = world.run(activate, &[update(), receipt()]).unwrap();
    assert!(outcome.resumed && outcome.receipt_uploaded);
    assert_eq!(world.script.asked().first(), first.first(), "same key, same context");
    assert_eq!(world.container.contexts, 2, "one for the request, one for the receipt");
    assert_eq!(world.journal.0, None);
}

#[test]
fn a_power_cut_at_the_import_resumes_as_well() {
    let mut world = World::new();
    world.container.breaks_at_import = true;
    assert!(matches!(world.run(activate, &[update()]), Err(TransferError::Container("power cut"))));
    let first = world.script.asked();
    assert!(world.run(activate, &[update(), receipt()]).unwrap().resumed);
    assert_eq!(world.script.asked().first(), first.first());
    assert_eq!(world.container.imports, 1);
}

#[test]
fn a_lost_receipt_is_no_failure_and_the_next_transfer_proves_it() {
    let mut world = World::new();
    let outcome = world.run(activate, &[update(), Next::Drop, Next::ReadAndDrop]).unwrap();
    assert!(!outcome.receipt_uploaded && world.journal.0.is_some());
    let next = world.run(deactivate, &[update(), receipt()]).unwrap();
    assert!(next.receipt_uploaded && !next.resumed);
    assert_eq!(world.journal.0, None);
}

#[test]
fn a_refusal_ends_the_transfer_and_another_question_is_another_transfer() {
    let mut world = World::new();
    let refused = world.run(activate, &[problem(409, "license_not_available")]);
    assert!(matches!(refused, Err(TransferError::Server(error)) if !error.is_passing()));
    assert_eq!(world.journal.0, None, "nothing to resume");
    assert!(world.run(activate, &[Next::Drop, Next::Drop]).is_err());
    let before = world.journal.0.clone().unwrap();
    assert!(!world.run(deactivate, &[update(), receipt()]).unwrap().resumed);
    let asked = world.script.asked();
    let return_request = asked.iter().find(|asked| asked.path == "/api/v1/deactivations").unwrap();
    assert!(return_request.key != before.key && !return_request.body.contains(&before.context));
    assert_eq!(world.journal.0, None);
}

#[test]
fn an_overtaken_context_is_replaced_by_a_new_one() {
    let mut world = World::new();
    assert!(world.run(activate, &[Next::Drop, Next::Drop]).is_err());
    world.script.asked();
    let script = [problem(409, "context_out_of_date"), update(), receipt()];
    let outcome = world.run(activate, &script).unwrap();
    assert!(!outcome.resumed);
    let asked = world.script.asked();
    assert_ne!(asked[0].body, asked[1].body);
    assert_ne!(asked[0].key, asked[1].key);
}

#[test]
fn addresses_that_are_none_are_told_at_once() {
    for address in ["", "nonsense", "ftp://x", "http://"] {
        assert!(ServerClient::new(address, None).is_err(), "{address}");
    }
}
