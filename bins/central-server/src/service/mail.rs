//! Sending the ticket of an order: at most once under a key, and never without saying what became of it.

use licensing_core::changeset::{ChangeSet, RequestRecord};
use licensing_core::crypto::digest::{Digest, hash};
use licensing_core::event::{Action, Actor, Event};
use licensing_core::ids::{OrderId, TicketId};
use licensing_core::random;
use licensing_core::refusal::Refusal;
use licensing_store::CommitError;
use licensing_wire::binary::to_hex;
use licensing_wire::json::{OrderAnswer, OrderMail, OrderMailAnswer, OrderMailRequest};
use licensing_wire::time;

use crate::mail::{Address, MailText, Mailer, Unsent, is_note, language, mail_text};
use crate::service::{Answer, Failure, Idempotency, Service};

/// How often a mail that was certainly not sent can be tried under one key.
const TRIES: u8 = 16;

/// One try to send a mail, and what is stored about it.
struct Try {
    /// Taken before the mail is sent: whoever finds it taken sends nothing.
    claim: Digest,
    /// Taken when the mail was certainly not sent: then the next try is free.
    failed: Digest,
}

impl Try {
    fn new(idempotency: &Idempotency, number: u8) -> Self {
        let of = |what: &str| hash(what, &[&idempotency.key, &[number]]);
        Self { claim: of("mail claimed"), failed: of("mail not sent") }
    }
}

/// A mail, ready to be sent.
struct Ready<'a> {
    mailer: &'a Mailer,
    order: OrderId,
    ticket: TicketId,
    to: Address,
    text: MailText,
}

fn wanted_language(word: Option<&str>) -> Result<&'static str, Failure> {
    language(word.unwrap_or("en"))
        .ok_or_else(|| Failure::denied("invalid_value", "language: expected en or de"))
}

fn failure(unsent: Unsent) -> Failure {
    match unsent {
        Unsent::Away(what) => Failure::later("mail_server_unavailable", what, 60),
        Unsent::Unsuitable(what) => Failure::denied("mail_server_unsuitable", what),
        Unsent::Refused(what) => Failure::denied("mail_refused", what),
        Unsent::Unknown => {
            unknown("the mail was handed over, and the mail server has not told whether it took it")
        }
    }
}

fn unknown(what: &str) -> Failure {
    Failure::denied("mail_outcome_unknown", what)
}

impl Service {
    /// The same services with a mail server.
    #[must_use]
    pub fn with_mail(mut self, mailer: Option<Mailer>) -> Self {
        self.mailer = mailer;
        self
    }

    async fn order_to_tell(&self, id: &OrderId) -> Result<(TicketId, OrderAnswer), Failure> {
        let order = self.store.order(id.clone()).await?.ok_or_else(|| Refusal::OrderUnknown(id.clone()))?;
        Ok((order.ticket, self.order_with_ticket(&order, true).await?))
    }

    /// The mail about an order, as it would be sent.
    ///
    /// # Errors
    /// There is no such order, or no such language.
    pub async fn order_mail(&self, id: OrderId, language: Option<&str>) -> Result<Answer, Failure> {
        let language = wanted_language(language)?;
        let (_, order) = self.order_to_tell(&id).await?;
        let text = mail_text(language, &order, "");
        let answer = OrderMail {
            order_id: order.order_id,
            language: language.to_owned(),
            subject: text.subject,
            text: text.body,
            can_send: self.mailer.is_some(),
        };
        Answer::json(200, &answer)
    }

    /// Sends the mail about an order to somebody. Repeated under the same key, nothing is sent a second time.
    ///
    /// # Errors
    /// No mail server is set up, the address is none, the mail was not sent, or it is not known whether it was.
    pub async fn mail_order(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        id: OrderId,
        request: &OrderMailRequest,
    ) -> Result<Answer, Failure> {
        // Whoever repeats a request at once waits for what becomes of the first.
        let key =
            idempotency.map_or_else(|| random::<32>(&mut self.entropy()), |idempotency| idempotency.key);
        let _alone = self.mailing.lock(&key).await;
        if let Some(idempotency) = idempotency
            && let Some(answer) = self.answered(idempotency).await?
        {
            return Ok(answer);
        }
        let ready = self.ready(id, request).await?;
        let attempt = match &idempotency {
            Some(idempotency) => Some(self.claim(idempotency).await?),
            None => None,
        };
        let message_id = to_hex(&hash("message id", &[&key])[..16]);
        let now = self.now();
        match ready.mailer.send(&ready.to, &ready.text, &message_id, now).await {
            Ok(()) => {
                let answer = OrderMailAnswer {
                    order_id: ready.order.to_string(),
                    to: ready.to.as_str().to_owned(),
                    message_id: format!("{message_id}@{}", ready.mailer.domain()),
                    sent_at: time::print(now),
                };
                let answer = Answer::json(201, &answer)?;
                let record = idempotency.map(|idempotency| self.record(idempotency, &answer));
                self.note_mail(actor, &ready, "done", record).await.map_err(|_| {
                    unknown("the mail was sent, and the database did not answer when that was to be noted")
                })?;
                Ok(answer)
            }
            Err(unsent) => {
                let certain = unsent != Unsent::Unknown;
                let failure = failure(unsent);
                let record = attempt.filter(|_| certain).zip(idempotency);
                let record = record.map(|(attempt, idempotency)| self.mark(attempt.failed, &idempotency));
                tracing::warn!(code = failure.code(), "a mail was not sent");
                self.note_mail(actor, &ready, failure.code(), record).await?;
                Err(failure)
            }
        }
    }

    async fn ready(&self, id: OrderId, request: &OrderMailRequest) -> Result<Ready<'_>, Failure> {
        let language = wanted_language(request.language.as_deref())?;
        let to = Address::new(request.to.trim()).ok_or_else(|| {
            Failure::denied("mail_address_invalid", "this is no address mail can be sent to")
        })?;
        let note = request.note.as_deref().unwrap_or_default();
        if !is_note(note) {
            return Err(Failure::denied("invalid_value", "note: expected up to 4000 characters of text"));
        }
        let (ticket, order) = self.order_to_tell(&id).await?;
        let mailer = self.mailer.as_ref();
        let mailer = mailer.ok_or_else(|| Failure::denied("mail_not_set_up", "this server sends no mail"))?;
        Ok(Ready { mailer, order: id, ticket, to, text: mail_text(language, &order, note) })
    }

    /// What stands for a try in the database, beside the answers.
    fn mark(&self, key: Digest, idempotency: &Idempotency) -> RequestRecord {
        let nonce = random::<32>(&mut self.entropy()).to_vec();
        RequestRecord { key, fingerprint: idempotency.fingerprint, response: nonce, at: self.now() }
    }

    /// The first try under a key that nobody has begun. Once it is stored, nobody else sends this mail.
    async fn claim(&self, idempotency: &Idempotency) -> Result<Try, Failure> {
        for number in 0..TRIES {
            let attempt = Try::new(idempotency, number);
            let mark = self.mark(attempt.claim, idempotency);
            let changes = ChangeSet { request: Some(mark.clone()), ..ChangeSet::default() };
            let taken = match self.store.commit(changes).await {
                Ok(()) => return Ok(attempt),
                Err(CommitError::Duplicate | CommitError::Unknown) => {
                    self.store.answered(attempt.claim).await?
                }
                Err(error) => return Err(error.into()),
            };
            match taken {
                Some(taken) if taken == mark => return Ok(attempt),
                Some(taken) if taken.fingerprint != idempotency.fingerprint => {
                    return Err(Refusal::IdempotencyKeyReused.into());
                }
                Some(_) if self.store.answered(attempt.failed).await?.is_some() => {}
                Some(_) => {
                    return Err(unknown(
                        "this mail is being sent, or was when the server ended: what became of it was not noted",
                    ));
                }
                None => return Err(Failure::try_again()),
            }
        }
        Err(Failure::denied(
            "mail_server_unavailable",
            "this was tried too often under one key; use a new one",
        ))
    }

    /// Notes what became of a mail.
    async fn note_mail(
        &self,
        actor: &Actor,
        ready: &Ready<'_>,
        outcome: &str,
        request: Option<RequestRecord>,
    ) -> Result<(), Failure> {
        let mut event = Event::new(Action::TicketMailed, actor, self.now()).ticket(ready.ticket);
        outcome.clone_into(&mut event.outcome);
        event.detail = format!("order {} to {}", ready.order, ready.to.masked());
        self.store.commit(ChangeSet { request, changes: Vec::new(), events: vec![event] }).await?;
        self.happened(&[Action::TicketMailed]);
        Ok(())
    }
}
