//! SMTP (RFC 5321), as much as it takes to hand one message over, with STARTTLS (RFC 3207) and AUTH (RFC 4954).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use data_encoding::BASE64;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::{Address, Mailer, Security, Unsent};

/// Longest line of an answer that is read, in bytes.
const LINE_BYTES_MAX: u64 = 2_048;
/// Most lines of an answer.
const LINES_MAX: usize = 128;
/// Most characters of an answer that are told.
const TOLD_CHARS_MAX: usize = 200;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A conversation with a mail server.
struct Talk(BufReader<Box<dyn Stream>>);

/// What a mail server answers.
struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    /// Its words, harmless and short.
    fn words(&self) -> String {
        let words = self.lines.join(" ");
        let words = words.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).take(TOLD_CHARS_MAX);
        words.collect::<String>().trim().to_owned()
    }

    /// Whether it is a line of its own, with words after it.
    fn offer(&self, name: &str) -> Option<&str> {
        let found = self.lines.iter().skip(1).find_map(|line| {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            word.eq_ignore_ascii_case(name).then_some(rest)
        });
        found.map(str::trim)
    }
}

/// Hands a message over. `handed_over` is set before its end is sent: until then the mail server has nothing.
pub(super) async fn deliver(
    mailer: &Mailer,
    to: &Address,
    message: &[u8],
    handed_over: &AtomicBool,
) -> Result<(), Unsent> {
    let (mut talk, offers) = greeted(mailer).await?;
    if let Some((user, password)) = &mailer.login {
        talk.log_in(&offers, user, password).await?;
    }
    let from = mailer.from.address.as_str();
    talk.accepted(&format!("MAIL FROM:<{from}>"), 250).await?;
    talk.accepted(&format!("RCPT TO:<{}>", to.as_str()), 250).await?;
    talk.accepted("DATA", 354).await?;
    talk.write(message).await?;
    handed_over.store(true, Ordering::Relaxed);
    talk.write(b".\r\n").await?;
    let reply = talk.reply().await?;
    if reply.code != 250 {
        // A verdict, and so no doubt any more. Its words may repeat the text, and are not told.
        handed_over.store(false, Ordering::Relaxed);
        return Err(verdict(reply.code, format!("the mail server does not take the mail ({})", reply.code)));
    }
    // It has it. How the conversation ends is of no interest.
    let _ = talk.write(b"QUIT\r\n").await;
    Ok(())
}

fn away(error: &io::Error) -> Unsent {
    Unsent::Away(format!("the connection to the mail server failed ({})", error.kind()))
}

/// What a refusal means: those of the 400s are for now.
fn verdict(code: u16, what: String) -> Unsent {
    if (400..500).contains(&code) { Unsent::Away(what) } else { Unsent::Refused(what) }
}

/// A conversation in which both know each other, encrypted as it has to be, and what the mail server offers.
async fn greeted(mailer: &Mailer) -> Result<(Talk, Reply), Unsent> {
    let stream =
        TcpStream::connect((mailer.host.as_str(), mailer.port)).await.map_err(|error| away(&error))?;
    let (here, there) = (stream.local_addr(), stream.peer_addr());
    let is_near = there.is_ok_and(|address| address.ip().to_canonical().is_loopback());
    if mailer.security == Security::None && !is_near {
        return Err(Unsent::Unsuitable("without TLS mail is sent on this computer only".to_owned()));
    }
    let name = here.map(name_of).unwrap_or_else(|_| "[127.0.0.1]".to_owned());
    let mut talk = Talk::over(Box::new(stream));
    if mailer.security == Security::Immediate {
        talk = talk.encrypted(mailer).await?;
    }
    let greeting = talk.reply().await?;
    if greeting.code != 220 {
        return Err(verdict(
            greeting.code,
            format!("the mail server does not serve us: {}", greeting.words()),
        ));
    }
    let offers = talk.introduce(&name).await?;
    let wanted = match mailer.security {
        Security::Immediate | Security::None => false,
        Security::Required => true,
        Security::Opportunistic => offers.offer("STARTTLS").is_some(),
    };
    if !wanted {
        return Ok((talk, offers));
    }
    if offers.offer("STARTTLS").is_none() {
        return Err(Unsent::Unsuitable(
            "the mail server offers no TLS (mail.tls is \"required\")".to_owned(),
        ));
    }
    talk.accepted("STARTTLS", 220).await?;
    if !talk.0.buffer().is_empty() {
        // Said in the clear by somebody who wants it to count as said under TLS.
        return Err(Unsent::Unsuitable("the mail server talks before TLS has begun".to_owned()));
    }
    let mut talk = talk.encrypted(mailer).await?;
    let offers = talk.introduce(&name).await?;
    Ok((talk, offers))
}

/// The name of this computer that is always true: its address.
fn name_of(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        IpAddr::V4(four) => format!("[{four}]"),
        IpAddr::V6(six) => format!("[IPv6:{six}]"),
    }
}

impl Talk {
    fn over(stream: Box<dyn Stream>) -> Self {
        Self(BufReader::new(stream))
    }

    async fn encrypted(self, mailer: &Mailer) -> Result<Self, Unsent> {
        let connector = mailer.tls.get_or_init(connector).as_ref();
        let connector = connector.map_err(|why| Unsent::Unsuitable(why.clone()))?;
        let name = ServerName::try_from(mailer.host.clone())
            .map_err(|_| Unsent::Unsuitable("the name of the mail server cannot be verified".to_owned()))?;
        let stream = connector.connect(name, self.0.into_inner()).await.map_err(|error| {
            // Of the handshake: a certificate that is not trusted, or of somebody else.
            if error.kind() == io::ErrorKind::InvalidData {
                return Unsent::Unsuitable(format!("the mail server's TLS cannot be trusted: {error}"));
            }
            away(&error)
        })?;
        Ok(Self::over(Box::new(stream)))
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Unsent> {
        self.0.write_all(bytes).await.map_err(|error| away(&error))?;
        self.0.flush().await.map_err(|error| away(&error))
    }

    async fn reply(&mut self) -> Result<Reply, Unsent> {
        let strange = || Unsent::Away("what answers is no mail server".to_owned());
        let mut reply = Reply { code: 0, lines: Vec::new() };
        while reply.lines.len() < LINES_MAX {
            let mut line = Vec::new();
            let mut bounded = (&mut self.0).take(LINE_BYTES_MAX);
            let read = bounded.read_until(b'\n', &mut line).await.map_err(|error| away(&error))?;
            if read == 0 {
                return Err(Unsent::Away("the mail server has ended the connection".to_owned()));
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            let (code, rest) = line.trim_end().split_at_checked(3).ok_or_else(strange)?;
            reply.code = code.parse().map_err(|_| strange())?;
            reply.lines.push(rest.get(1..).unwrap_or_default().to_owned());
            if !rest.starts_with('-') {
                return Ok(reply);
            }
        }
        Err(strange())
    }

    async fn say(&mut self, line: &str) -> Result<Reply, Unsent> {
        let line = Zeroizing::new(format!("{line}\r\n"));
        self.write(line.as_bytes()).await?;
        self.reply().await
    }

    /// Says something that must be answered with a code. `251` is as good as `250`: it will be passed on.
    async fn accepted(&mut self, line: &str, code: u16) -> Result<(), Unsent> {
        let reply = self.say(line).await?;
        if reply.code == code || (code, reply.code) == (250, 251) {
            return Ok(());
        }
        Err(verdict(reply.code, format!("the mail server answers {} {}", reply.code, reply.words())))
    }

    async fn introduce(&mut self, name: &str) -> Result<Reply, Unsent> {
        let reply = self.say(&format!("EHLO {name}")).await?;
        if reply.code == 250 {
            return Ok(reply);
        }
        Err(verdict(reply.code, format!("the mail server answers {} {}", reply.code, reply.words())))
    }

    async fn log_in(&mut self, offers: &Reply, user: &str, password: &str) -> Result<(), Unsent> {
        let ways = offers.offer("AUTH").unwrap_or_default().to_ascii_uppercase();
        let offered = |way: &str| ways.split(' ').any(|word| word == way);
        let secret = |text: &str| Zeroizing::new(BASE64.encode(text.as_bytes()));
        let reply = if offered("PLAIN") {
            let both = Zeroizing::new(format!("\0{user}\0{password}"));
            self.say(&Zeroizing::new(format!("AUTH PLAIN {}", *secret(&both)))).await?
        } else if offered("LOGIN") {
            let mut reply = self.say("AUTH LOGIN").await?;
            for answer in [user, password] {
                if reply.code == 334 {
                    reply = self.say(&secret(answer)).await?;
                }
            }
            reply
        } else {
            return Err(Unsent::Unsuitable("the mail server offers no login with a password".to_owned()));
        };
        match reply.code {
            235 => Ok(()),
            // Its words may repeat what was sent, and are not told.
            code @ 400..500 => {
                Err(Unsent::Away(format!("the mail server cannot check the password now ({code})")))
            }
            code => Err(Unsent::Unsuitable(format!("the mail server refuses user or password ({code})"))),
        }
    }
}

/// TLS with the certificates this computer trusts.
fn connector() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
