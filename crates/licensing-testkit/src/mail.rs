//! A mail server of tests that behaves, and misbehaves, as it is told: without TLS and without logins, which a program
//! by others has ([`crate::python::AIOSMTPD`]).

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// What the server does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Takes it.
    Takes,
    /// Does not know whom it is for.
    KnowsNobody,
    /// Is too busy to know whom it is for.
    Busy,
    /// Does not like what is in it, and repeats that.
    Complains,
    /// Takes it and ends the connection before it says so.
    LosesAnswer,
    /// Ends the connection before it wants any of it.
    Breaks,
    /// Never says anything.
    Silent,
    /// Sends a line that never ends.
    Endless,
}

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// What was said before it, line by line.
    pub said: Vec<String>,
    /// The message as it arrived, with dots as they were before they were doubled.
    pub bytes: Vec<u8>,
}

/// A mail server. Ends with the process: a test has few of them.
#[derive(Debug)]
pub struct MailServer {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    manner: Mutex<Manner>,
    taken: Mutex<Vec<Mail>>,
    said: Mutex<Vec<String>>,
}

fn copy<T: Clone>(of: &Mutex<T>) -> T {
    of.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl MailServer {
    /// Starts one that takes what it gets.
    ///
    /// # Errors
    /// There is no free port.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            manner: Mutex::new(Manner::Takes),
            taken: Mutex::default(),
            said: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        std::thread::Builder::new().name("mail server".to_owned()).spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&serving);
                // Whoever goes away in the middle is no failure.
                std::thread::spawn(move || drop(serve(&client, &shared)));
            }
        })?;
        Ok(Self { address, shared })
    }

    /// Behaves like this from now on.
    pub fn behave(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// Messages that were taken.
    #[must_use]
    pub fn taken(&self) -> Vec<Mail> {
        copy(&self.shared.taken)
    }

    /// Every line that was ever said, messages left out.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        copy(&self.shared.said)
    }
}

fn serve(client: &TcpStream, shared: &Shared) -> io::Result<()> {
    let manner = copy(&shared.manner);
    let mut lines = BufReader::new(client);
    let mut out = client;
    match manner {
        Manner::Silent => {
            // Until the client has had enough.
            return io::copy(&mut lines, &mut io::sink()).map(drop);
        }
        Manner::Endless => loop {
            out.write_all(b"220-and so on ")?;
        },
        _ => {}
    }
    out.write_all(b"220 test ESMTP\r\n")?;
    let mut said = Vec::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        shared.said.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
        said.push(line.clone());
        let answer: &[u8] = match line.get(..4).unwrap_or_default() {
            "EHLO" => b"250-test\r\n250-8BITMIME\r\n250 SIZE 1000000\r\n",
            "RCPT" if manner == Manner::KnowsNobody => b"550 5.1.1 nobody of this name\r\n",
            "RCPT" if manner == Manner::Busy => b"451 4.3.2 come again\r\n",
            "MAIL" | "RCPT" => b"250 ok\r\n",
            "DATA" if manner == Manner::Breaks => return Ok(()),
            "DATA" => {
                out.write_all(b"354 go on\r\n")?;
                let bytes = message(&mut lines)?;
                if manner == Manner::Complains {
                    out.write_all(b"554-5.7.1 this is in it:\r\n554 ")?;
                    let flat: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_control()).collect();
                    out.write_all(&flat)?;
                    out.write_all(b"\r\n")?;
                    continue;
                }
                let said = std::mem::take(&mut said);
                shared.taken.lock().unwrap_or_else(PoisonError::into_inner).push(Mail { said, bytes });
                if manner == Manner::LosesAnswer {
                    return Ok(());
                }
                b"250 taken\r\n"
            }
            "QUIT" => return out.write_all(b"221 bye\r\n"),
            _ => b"500 what?\r\n",
        };
        out.write_all(answer)?;
    }
}

fn message(lines: &mut BufReader<&TcpStream>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(bytes);
        }
        bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
