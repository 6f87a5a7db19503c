//! The world of a history: one server, a few computers, the licenses that were ordered, and everything on its way.

use central_server::service::{Answer, Failure, Holder, Idempotency, Wish};
use container_sim::ContainerError;
use licensing_core::audit::compare;
use licensing_core::crypto::digest::hash;
use licensing_core::format::context::VerifiedContext;
use licensing_core::ids::{ContainerKind, LicenseId};
use licensing_core::refusal::Refusal;
use licensing_core::step::{Operation, Step, StepId};
use licensing_core::testing::TestEntropy;
use licensing_core::trust::emulator_maker;
use licensing_testkit::server::firm;
use licensing_wire::binary::{from_base64, to_base64};
use licensing_wire::json::{OrderAnswer, TemplateAnswer, TransferAnswer};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::central::Central;
use crate::computers::Computer;
use crate::dice::Dice;

/// What is asked of the server with a context.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    Transfer(Wish, Option<usize>),
    Receipt,
}

/// Something on its way. The same message may arrive again, later, or never.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    ToServer { computer: usize, question: Question, context: Vec<u8>, key: u64 },
    ToComputer { computer: usize, update: Vec<u8> },
}

/// A ticket with what is on it.
pub(crate) struct Sold {
    pub(crate) order: String,
    pub(crate) ticket: String,
    pub(crate) licenses: Vec<LicenseId>,
}

pub(crate) struct World<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) central: Central<'a>,
    pub(crate) computers: Vec<Computer>,
    pub(crate) sold: Vec<Sold>,
    pub(crate) on_its_way: Vec<Message>,
    pub(crate) dice: Dice,
    /// What every question was answered with, by its key.
    answers: std::collections::BTreeMap<u64, Vec<u8>>,
    orders: u32,
    keys: u64,
    /// Whether the books or what a container holds may have changed since the last look.
    pub(crate) changed: bool,
    /// Steps that were noted.
    noted: std::collections::BTreeSet<StepId>,
    /// What happened, for a failure's report.
    pub(crate) log: Vec<String>,
}

impl<'a> World<'a> {
    pub(crate) fn begin(runtime: &'a Runtime, central: Central<'a>, seed: u64) -> Self {
        let mut world = Self {
            runtime,
            central,
            computers: Vec::new(),
            sold: Vec::new(),
            on_its_way: Vec::new(),
            dice: Dice::new(seed),
            answers: std::collections::BTreeMap::new(),
            orders: 0,
            keys: 0,
            changed: true,
            noted: std::collections::BTreeSet::new(),
            log: Vec::new(),
        };
        world.buy_computer(ContainerKind::Act, 0);
        world.buy_computer(ContainerKind::Dongle, 1);
        world.order("new");
        world
    }

    pub(crate) fn note(&mut self, what: impl Into<String>) {
        self.log.push(what.into());
    }

    /// A seed nobody has used before.
    pub(crate) fn fresh(&mut self) -> u64 {
        self.dice.next()
    }

    pub(crate) fn buy_computer(&mut self, kind: ContainerKind, host: u8) {
        let answer = self.runtime.block_on(self.central.service().template(firm())).unwrap();
        let answer: TemplateAnswer = serde_json::from_slice(&answer.body).unwrap();
        let template = from_base64(&answer.template, 100_000).unwrap();
        let (now, seed) = (self.central.clock.now(), self.fresh());
        let computer = Computer::new(kind, host, &template, now, seed);
        self.note(format!("new container {}", computer.serial));
        self.computers.push(computer);
    }

    /// Somebody buys one to three items.
    pub(crate) fn order(&mut self, ticket: &str) {
        let mut items = Vec::new();
        for _ in 0..self.dice.up_to(3) + 1 {
            let (item, _) = crate::central::ITEMS[self.dice.up_to(crate::central::ITEMS.len())];
            items.push(json!({"item": item, "quantity": self.dice.up_to(3) + 1}));
        }
        self.order_of(ticket, &items);
    }

    /// Somebody buys a few of an item and an update for one of them: in the container, one is split off.
    pub(crate) fn order_for_a_part(&mut self, ticket: &str) {
        self.order_of(
            ticket,
            &[json!({"item": "ASK", "quantity": 3}), json!({"item": "LONGER", "quantity": 1})],
        );
    }

    fn order_of(&mut self, ticket: &str, items: &[serde_json::Value]) {
        (self.orders, self.changed) = (self.orders + 1, true);
        let together = ticket == "new" && self.dice.chance(10);
        let order = format!("O-{}", self.orders);
        let request = json!({"order_id": order, "items": items, "ticket": ticket, "together": together});
        let request = serde_json::from_value(request).unwrap();
        let actor = self.central.actor();
        let created = self.central.service().create_order(&actor, None, &request);
        match self.runtime.block_on(created) {
            Ok(answer) => {
                let answer: OrderAnswer = serde_json::from_slice(&answer.body).unwrap();
                let licenses: Vec<LicenseId> =
                    answer.licenses.iter().map(|l| l.id.parse().unwrap()).collect();
                self.note(format!("order {order} on {ticket}: {items:?}"));
                match self.sold.iter_mut().find(|sold| sold.ticket == answer.ticket) {
                    Some(sold) => sold.licenses.extend(licenses),
                    None => self.sold.push(Sold { order, ticket: answer.ticket, licenses }),
                }
            }
            Err(Failure::Refused(refusal)) => self.note(format!("order on {ticket} refused: {refusal}")),
            Err(other) => panic!("order: {other:?}"),
        }
    }

    /// Lets a container make a context. `None`: the power failed.
    pub(crate) fn context(&mut self, at: usize) -> Option<Vec<u8>> {
        let (right, seed) = (self.central.clock.now(), self.fresh());
        let computer = &mut self.computers[at];
        let now = computer.clock(right);
        match computer.container().create_context(firm(), now, &mut TestEntropy::new(seed)) {
            Ok(context) => {
                self.check_context(at, &context);
                Some(context)
            }
            Err(ContainerError::Storage(_)) => None,
            Err(error) => panic!("a context of {}: {error}", self.computers[at].serial),
        }
    }

    /// A fresh context of an honest container never differs from the books.
    fn check_context(&mut self, at: usize, context: &[u8]) {
        if !self.computers[at].honest {
            return;
        }
        let context = VerifiedContext::verify(context, &[emulator_maker().public_key()]).unwrap();
        let store = self.central.service().store();
        let books = self.runtime.block_on(store.books_of(context.serial(), firm())).unwrap();
        let Some(books) = books else {
            assert!(context.body().products.is_empty(), "licenses the server never issued");
            return;
        };
        let found = compare(&books.firm, &books.activations, &context);
        assert_eq!(found, Some(Vec::new()), "container {} against the books", context.serial());
    }

    fn holder(&self, sold: usize) -> Holder {
        self.runtime.block_on(self.central.service().holder(&self.sold[sold].ticket)).unwrap()
    }

    /// Sends a question off.
    pub(crate) fn ask(&mut self, at: usize, question: Question) {
        if let Some(context) = self.context(at) {
            self.keys += 1;
            let key = self.keys;
            self.on_its_way.push(Message::ToServer { computer: at, question, context, key });
        }
    }

    /// A question of this computer arrives; gives the update of the answer.
    pub(crate) fn arrive(
        &mut self,
        at: usize,
        question: &Question,
        context: &[u8],
        key: u64,
    ) -> Option<Vec<u8>> {
        self.changed = true;
        let mut outcome = self.put(question, context, key);
        if matches!(&outcome, Err(Failure::Denied { code: "try_again", .. })) {
            // A container that was put back and cleared is at a place where it was before. With the clock at the very
            // second, and the very same wish, the step would be one that was issued before. A second later it is not.
            assert!(self.computers[at].cleared, "nobody else is at a place twice");
            self.note("  the server asks to try again");
            self.central.clock.advance(1);
            outcome = self.put(question, context, key);
        }
        self.judge(outcome, at, key)
    }

    fn put(&self, question: &Question, context: &[u8], key: u64) -> Result<Option<Answer>, Failure> {
        let text = to_base64(context);
        let actor = self.central.actor();
        match question {
            Question::Receipt => {
                self.runtime.block_on(self.central.service().receipt(&actor, &text)).map(|_| None)
            }
            Question::Transfer(wish, sold) => {
                let holder = sold.map(|sold| self.holder(sold));
                let credential = holder.as_ref().map_or([0; 32], |holder| *holder.credential());
                let route = format!("{wish:?}");
                let idempotency =
                    Idempotency::new(&credential, &key.to_string(), &route, &[], &hash("body", &[context]));
                let service = self.central.service();
                let answer = service.transfer(wish, holder.as_ref(), &actor, Some(idempotency), &text);
                self.runtime.block_on(answer).map(Some)
            }
        }
    }

    /// What an answer may be: an honest container is never accused, and the server never at fault.
    fn judge(&mut self, outcome: Result<Option<Answer>, Failure>, at: usize, key: u64) -> Option<Vec<u8>> {
        match outcome {
            Ok(None) => None,
            Ok(Some(answer)) => {
                let first = self.answers.entry(key).or_insert_with(|| answer.body.clone());
                assert_eq!(*first, answer.body, "the same question, another answer");
                let answer: TransferAnswer = serde_json::from_slice(&answer.body).unwrap();
                self.note(format!("  answered with {} steps", answer.steps));
                self.note_steps(at);
                Some(from_base64(&answer.update, 1_000_000).unwrap())
            }
            Err(failure) => {
                let (refusal, update) = match failure {
                    Failure::Refused(refusal) => (refusal, None),
                    Failure::RefusedWithUpdate { refusal, update } => {
                        self.note_steps(at);
                        (refusal, Some(update))
                    }
                    other => panic!("the server failed: {other:?}"),
                };
                self.note(format!("  refused: {refusal}"));
                if matches!(refusal, Refusal::ManipulationDetected(_) | Refusal::ServerBehind(_)) {
                    assert!(!self.computers[at].honest, "an honest container was accused: {refusal}");
                }
                update
            }
        }
    }

    /// Notes what each step does that was not noted before.
    fn note_steps(&mut self, at: usize) {
        let store = self.central.service().store();
        let books = self.runtime.block_on(store.books_of(self.computers[at].serial, firm())).unwrap();
        for step in books.into_iter().flat_map(|books| books.firm.pending) {
            if !self.noted.insert(step.id) {
                continue;
            }
            let operations = Step::parse(&step.bytes).unwrap().operations;
            let has = |wanted: fn(&Operation) -> bool| operations.iter().any(wanted);
            let takes = has(|op| matches!(op, Operation::Remove { .. } | Operation::SetQuantity { .. }));
            for (is_so, what) in [
                (operations.is_empty(), "void"),
                (takes && has(|op| matches!(op, Operation::Add(_))), "exchange"),
                (has(|op| matches!(op, Operation::Split { .. })), "split"),
                (has(|op| matches!(op, Operation::Lock)), "lock"),
            ] {
                if is_so {
                    self.note(format!("  step: {what}"));
                }
            }
        }
    }

    /// An update arrives at a computer; `false` when the power failed.
    pub(crate) fn import(&mut self, at: usize, update: &[u8]) -> bool {
        self.changed = true;
        let seed = self.fresh();
        let computer = &mut self.computers[at];
        let (serial, honest) = (computer.serial, computer.honest);
        let outcome = computer.container().import_update(update, &mut TestEntropy::new(seed));
        match outcome {
            Ok(report) => {
                self.note(format!(
                    "  {serial}: {} applied, {} known, counter {}",
                    report.applied, report.already_applied, report.counter
                ));
                true
            }
            Err(ContainerError::Storage(_)) => false,
            Err(error) => {
                let refusals = ["update_other_history", "update_too_new", "update_other_container"];
                let sealed_to_another = error.code() == "cannot_open";
                assert!(
                    refusals.contains(&error.code()) || sealed_to_another || !honest,
                    "{serial} cannot take its update: {} {error}",
                    error.code()
                );
                self.note(format!("  {serial} refuses: {error}"));
                true
            }
        }
    }
}
