//! The world and what can happen in it.

use std::rc::Rc;

use licensing_core::changeset::Change;
use licensing_core::container::ContainerStatus;
use licensing_core::crypto::seal::SealingPublicKey;
use licensing_core::crypto::sign::PublicKey;
use licensing_core::device::DeviceState;
use licensing_core::format::context::{TraitDigest, VerifiedContext};
use licensing_core::format::update::{UpdateHeader, UpdatePayload};
use licensing_core::ids::{ContainerKind, LicenseId, TicketId};
use licensing_core::item::{ItemPolicy, ReactivationPolicy, RestorePolicy};
use licensing_core::order::TicketChoice;
use licensing_core::refusal::Refusal;
use licensing_core::terms::LicenseTerms;
use licensing_core::testing::TestEntropy;
use licensing_core::trust::TrustedIssuer;
use licensing_core::work::{Decline, Plan, Settled, Work};

use crate::server::{Decided, PROOFS, Server, definition, firm};
use crate::small::Bounds;

/// How many containers there are.
pub(crate) const CONTAINERS: usize = 2;
/// The quantity of the license.
pub(crate) const QUANTITY: u32 = 2;

/// One thing that happens. Contexts and updates are counted from the newest of their container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A container makes a context; `lost`: it crashes before it is sent.
    MakeContext {
        /// The container.
        container: usize,
        /// It never leaves.
        lost: bool,
    },
    /// A context arrives at the server with a request.
    Deliver {
        /// The container.
        container: usize,
        /// Which context, from the newest.
        context: usize,
        /// What is asked for.
        request: Request,
    },
    /// The same, and the server crashes after the commit, or the answer is lost.
    Unanswered {
        /// The container.
        container: usize,
        /// Which context, from the newest.
        context: usize,
        /// What is asked for.
        request: Request,
    },
    /// An update arrives at its container.
    Import {
        /// The container.
        container: usize,
        /// Which update, from the newest.
        update: usize,
    },
    /// The vendor takes the license back.
    Withdraw,
    /// The vendor changes his mind.
    CancelWithdrawal,
    /// The vendor puts another license in its place.
    Replace,
    /// Somebody copies the file of the first container.
    Copy,
    /// The copy is put back.
    PutBack,
    /// The newest contexts of both containers arrive at once, each asking for all there is.
    Race,
}

/// What a user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Nothing.
    Receipt,
    /// This many.
    Activate(u32),
    /// One, or all.
    Return(Option<u32>),
    /// To cancel.
    Cancel,
    /// To activate again.
    Reactivate,
    /// To have the other container restored into this one.
    Restore,
    /// The vendor's part alone.
    Automatic,
    /// Whatever is not proven yet.
    CatchUp,
}

/// An update on its way.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub(crate) header: UpdateHeader,
    pub(crate) payload: UpdatePayload,
}

/// A container and the messages from and to it.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) state: Rc<DeviceState>,
    pub(crate) keys: (PublicKey, SealingPublicKey),
    pub(crate) contexts_made: u8,
    pub(crate) contexts: Vec<Rc<VerifiedContext>>,
    pub(crate) updates: Vec<Rc<Update>>,
    pub(crate) copy: Option<Rc<DeviceState>>,
    pub(crate) put_back: bool,
    /// Steps ever issued to it, which makes its ids.
    pub(crate) issued: u8,
}

/// Server, containers, messages.
#[derive(Debug, Clone)]
pub struct World {
    pub(crate) bounds: Bounds,
    pub(crate) server: Rc<Server>,
    pub(crate) devices: Vec<Device>,
    pub(crate) issuer: Rc<TrustedIssuer>,
    pub(crate) ticket: TicketId,
    pub(crate) license: LicenseId,
    pub(crate) replacement: Option<LicenseId>,
    pub(crate) vendor_acts: u8,
    /// The vendor wants the license back.
    pub(crate) wanted_back: bool,
}

/// A violation of an invariant, in words.
pub(crate) type Violation = String;

impl World {
    /// The beginning: both containers are known to the server, and empty.
    ///
    /// # Panics
    /// Never, with the values here.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let mut server = Server::new(3);
        let (ticket, license) = server.order(LicenseTerms::default(), policy(), QUANTITY);
        let certificates: Vec<&[u8]> = server.issuer.certificates.iter().map(Vec::as_slice).collect();
        let issuer = TrustedIssuer::verify(&certificates, None).expect("its own chain");
        let devices = (0..CONTAINERS).map(|_| {
            let state = server.device(ContainerKind::Act);
            Device {
                keys: (state.identity.public_key(), state.sealing.public_key()),
                state: Rc::new(state),
                contexts_made: 0,
                contexts: Vec::new(),
                updates: Vec::new(),
                copy: None,
                put_back: false,
                issued: 0,
            }
        });
        let devices: Vec<Device> = devices.collect();
        let mut world = Self {
            bounds: Bounds { contexts: bounds.contexts + 1, ..bounds },
            server: Rc::new(server),
            devices,
            issuer: Rc::new(issuer),
            ticket,
            license,
            replacement: None,
            vendor_acts: 0,
            wanted_back: false,
        };
        for container in 0..CONTAINERS {
            let context = world.context(container);
            world.deliver(container, &context, Request::Receipt).expect("a first contact");
        }
        if bounds.assigned {
            let extra = definition("EXTRA", LicenseTerms::default(), policy());
            let choice = TicketChoice::Container(world.devices[0].state.serial);
            Rc::make_mut(&mut world.server).order_item(extra, 1, choice);
        }
        world
    }

    /// Everything that can happen now.
    #[must_use]
    pub fn acts(&self) -> Vec<Act> {
        let bounds = &self.bounds;
        let mut acts = Vec::new();
        for (container, device) in self.devices.iter().enumerate() {
            if device.contexts_made < bounds.contexts {
                acts.push(Act::MakeContext { container, lost: false });
                if bounds.crashes {
                    acts.push(Act::MakeContext { container, lost: true });
                }
            }
            acts.extend((0..device.updates.len()).map(|update| Act::Import { container, update }));
            for context in 0..device.contexts.len() {
                for request in self.requests(container) {
                    acts.push(Act::Deliver { container, context, request });
                }
            }
        }
        if self.vendor_acts < bounds.vendor {
            acts.push(if self.wanted_back { Act::CancelWithdrawal } else { Act::Withdraw });
        }
        if bounds.replace && self.replacement.is_none() {
            acts.push(Act::Replace);
        }
        if bounds.rollback && !self.devices[0].put_back {
            acts.push(if self.devices[0].copy.is_some() { Act::PutBack } else { Act::Copy });
        }
        if bounds.races && self.devices.iter().all(|d| !d.contexts.is_empty() && d.issued < bounds.steps) {
            acts.push(Act::Race);
        }
        acts
    }

    /// The same act with its answer lost, when there was one.
    pub(crate) fn unanswered(&self, act: Act, before: &Self) -> Option<(Act, Self)> {
        let Act::Deliver { container, context, request } = act else { return None };
        let (now, then) = (&self.devices[container].updates, &before.devices[container].updates);
        let answered = now.first().map(Rc::as_ptr) != then.first().map(Rc::as_ptr);
        (answered && self.bounds.crashes).then(|| {
            let mut lost = self.clone();
            lost.devices[container].updates.clone_from(then);
            (Act::Unanswered { container, context, request }, lost)
        })
    }

    fn requests(&self, container: usize) -> Vec<Request> {
        let mut requests = vec![Request::Receipt];
        if self.devices[container].issued < self.bounds.steps {
            requests.extend([Request::Activate(1), Request::Activate(QUANTITY)]);
            requests.extend([Request::Return(Some(1)), Request::Return(None)]);
            let others = [
                (self.bounds.cancel, Request::Cancel),
                (self.bounds.reactivate, Request::Reactivate),
                (self.bounds.restore, Request::Restore),
                (self.bounds.vendor > 0 || self.bounds.assigned || self.bounds.replace, Request::Automatic),
            ];
            requests.extend(others.iter().filter(|(on, _)| *on).map(|(_, request)| *request));
        }
        requests
    }

    /// Lets something happen.
    pub(crate) fn act(&mut self, act: Act) -> Result<(), Violation> {
        match act {
            Act::MakeContext { container, lost } => {
                let context = self.context(container);
                if !lost {
                    keep(&mut self.devices[container].contexts, Rc::new(context), self.bounds.in_flight);
                }
            }
            Act::Deliver { container, context, request }
            | Act::Unanswered { container, context, request } => {
                let context = self.devices[container].contexts[context].clone();
                if let Some(update) = self.deliver(container, &context, request)?
                    && !matches!(act, Act::Unanswered { .. })
                {
                    keep(&mut self.devices[container].updates, Rc::new(update), self.bounds.in_flight);
                }
            }
            Act::Import { container, update } => {
                let update = self.devices[container].updates[update].clone();
                // A refusal is an answer like another: nothing has changed.
                let _ = self.import(container, &update);
            }
            Act::Withdraw => {
                self.vendor_acts += 1;
                let wanted = self.wanted();
                self.wanted_back |= Rc::make_mut(&mut self.server).withdraw(wanted).is_ok();
            }
            Act::CancelWithdrawal => {
                self.vendor_acts += 1;
                let wanted = self.wanted();
                let server = Rc::make_mut(&mut self.server);
                server.cancel_withdrawal(wanted).map_err(|refusal| refusal.to_string())?;
                self.wanted_back = false;
            }
            Act::Replace => {
                let server = Rc::make_mut(&mut self.server);
                server.entropy = TestEntropy::new(77);
                let better = definition("BETTER", LicenseTerms::default(), policy());
                self.replacement = server.replace(self.license, better).ok();
            }
            Act::Copy => self.devices[0].copy = Some(self.devices[0].state.clone()),
            Act::PutBack => {
                let device = &mut self.devices[0];
                if let Some(copy) = device.copy.take() {
                    device.put_back = *copy != *device.state;
                    device.state = copy;
                }
            }
            Act::Race => self.race()?,
        }
        Ok(())
    }

    /// The license the user has: the one that was replaced, or what is in its place.
    pub(crate) fn wanted(&self) -> LicenseId {
        self.replacement.unwrap_or(self.license)
    }

    pub(crate) fn context(&mut self, container: usize) -> VerifiedContext {
        let device = &mut self.devices[container];
        device.contexts_made += 1;
        // Every context a container ever makes is another one, also after it was put back.
        let nonce = [device.contexts_made; 16];
        let traits = vec![TraitDigest { kind: [1; 4], weight: 9, digest: [1; 16] }];
        let mut state = (*device.state).clone();
        let context = state
            .make_verified_context(firm(), nonce, traits, device.keys, self.server.now)
            .expect("room for a firm item");
        // Persisted before it is sent.
        device.state = Rc::new(state);
        context
    }

    fn decide(&self, container: usize, context: &VerifiedContext, request: Request) -> Decided {
        // Ids follow from the container and how many steps it was issued.
        let mut entropy =
            TestEntropy::new(1_000 + container as u64 * 100 + u64::from(self.devices[container].issued));
        let (ticket, license) = (Some(self.ticket), self.license);
        let other = self.devices[1 - container].state.serial;
        let old = matches!(request, Request::Restore).then_some(other);
        let ticket = if matches!(request, Request::Restore | Request::Automatic) { None } else { ticket };
        // After a replacement the user asks for the license that is in its place.
        let wanted = self.wanted();
        self.server.decide((context, b"context"), ticket, old, &mut entropy, |work, settled, entropy| {
            answer(work, settled, entropy, request, (license, wanted, other))
        })
    }

    /// A context arrives with a request: decide, commit, answer.
    pub(crate) fn deliver(
        &mut self,
        container: usize,
        context: &VerifiedContext,
        request: Request,
    ) -> Result<Option<Update>, Violation> {
        let decided = self.decide(container, context, request);
        self.commit(container, context, decided)
    }

    fn commit(
        &mut self,
        container: usize,
        context: &VerifiedContext,
        decided: Decided,
    ) -> Result<Option<Update>, Violation> {
        let on_history = self
            .server
            .firms
            .get(&(context.serial(), firm()))
            .is_none_or(|record| record.path(context.body().link).is_some());
        let (outcome, parting) = (decided.outcome, decided.parting);
        let inserted = |change: &&Change| matches!(change, Change::InsertStep { .. });
        let steps = decided.changes.changes.iter().filter(inserted).count();
        self.devices[container].issued += u8::try_from(steps).unwrap_or(u8::MAX);
        if !decided.changes.changes.is_empty() {
            let stored = Rc::make_mut(&mut self.server).store(decided.changes);
            stored.map_err(|_| "a conflict although nobody else wrote".to_owned())?;
        }
        match outcome {
            Ok(_) if !on_history => Err("a context off the proven history was accepted".to_owned()),
            Ok(plan) => Ok(plan.map(open)),
            Err(Decline::Broken(broken)) => Err(format!("the books contradict each other: {broken}")),
            Err(Decline::Refused(Refusal::ManipulationDetected(_))) if !self.devices[container].put_back => {
                Err("an honest container was flagged".to_owned())
            }
            Err(Decline::Refused(Refusal::ServerBehind(_))) => {
                Err("a container was said to be ahead of the server".to_owned())
            }
            Err(Decline::Refused(_)) => Ok(parting.map(open)),
        }
    }

    /// Both newest contexts are decided upon before either decision is committed. The second has to be made again.
    fn race(&mut self) -> Result<(), Violation> {
        let contexts: Vec<Rc<VerifiedContext>> =
            self.devices.iter().map(|device| device.contexts[0].clone()).collect();
        let request = Request::Activate(QUANTITY);
        let decisions: Vec<Decided> = contexts
            .iter()
            .enumerate()
            .map(|(container, context)| self.decide(container, context, request))
            .collect();
        for ((container, context), decided) in contexts.iter().enumerate().zip(decisions) {
            let mut trial = (*self.server).clone();
            let stored = trial.store(decided.changes.clone()).is_ok();
            let answer = if stored {
                self.commit(container, context, decided)?
            } else {
                self.deliver(container, context, request)?
            };
            if let Some(update) = answer {
                keep(&mut self.devices[container].updates, Rc::new(update), self.bounds.in_flight);
            }
        }
        Ok(())
    }

    /// An update arrives at its container: `Err` is its refusal.
    pub(crate) fn import(&mut self, container: usize, update: &Update) -> Result<(), String> {
        let device = &mut self.devices[container];
        let applied = device.state.apply_assumed(&update.header, &self.issuer, &update.payload);
        // Persisted, or refused and unchanged; a crash before that is no change either.
        device.state = Rc::new(applied.map_err(|error| error.to_string())?.state);
        Ok(())
    }

    /// Whether the vendor or a re-activation has shut a container out, or it was flagged.
    pub(crate) fn status(&self, container: usize) -> ContainerStatus {
        let serial = self.devices[container].state.serial;
        self.server.containers.get(&serial).map_or(ContainerStatus::Normal, |record| record.status)
    }
}

fn policy() -> ItemPolicy {
    ItemPolicy {
        reactivation: ReactivationPolicy::Always,
        restore: RestorePolicy::Always,
        ..ItemPolicy::default()
    }
}

fn answer(
    work: &mut Work,
    settled: &Settled,
    entropy: &mut TestEntropy,
    request: Request,
    (license, wanted, other): (LicenseId, LicenseId, licensing_core::ids::ContainerSerial),
) -> Result<Option<Plan>, Decline> {
    match request {
        Request::Receipt => return Ok(None),
        Request::Activate(quantity) => work.activate(settled, &[(wanted, Some(quantity))], &PROOFS, entropy),
        Request::Return(quantity) => work.give_back(settled, &[(wanted, quantity)], &PROOFS, entropy),
        Request::Cancel => work.cancel(settled),
        Request::Reactivate => {
            let both = [license, wanted];
            let named = if license == wanted { &both[..1] } else { &[] };
            work.reactivate(settled, named, true, &PROOFS, entropy)
        }
        Request::Restore => work.restore(settled, other, &PROOFS, entropy),
        Request::CatchUp => work.catch_up(settled),
        Request::Automatic => work.automatic_update(settled, &PROOFS, entropy),
    }
    .map(Some)
}

fn open(plan: Plan) -> Update {
    let (header, payload) = plan.into_parts();
    Update { header, payload }
}

/// Keeps the newest messages; older ones are lost.
fn keep<T>(messages: &mut Vec<T>, message: T, most: usize) {
    messages.insert(0, message);
    messages.truncate(most);
}
