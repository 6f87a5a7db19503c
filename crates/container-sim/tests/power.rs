//! The power fails at every operation of every change of both kinds of container: afterwards the container is
//! in the old or the new state, opens, and goes on working.

#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "support/harness.rs"]
mod harness;
use container_sim::{Container, ContainerError};
use harness::{Place, template};
use licensing_core::access::AccessRequest;
use licensing_core::device::CLOCK_LAG_MAX;
use licensing_core::ids::{ContainerKind, ContainerSerial, LicenseId, TicketId};
use licensing_core::item::ItemPolicy;
use licensing_core::terms::{LicenseTerms, Tolerance};
use licensing_core::testing::TestEntropy;
use licensing_testkit::server::{NOW, Server, firm, product};

const KINDS: [ContainerKind; 2] = [ContainerKind::Act, ContainerKind::Dongle];
const SURVIVALS: u64 = 6;

/// Everything one story needs, rebuilt for every cut so that each starts from the same state.
struct Story {
    server: Server,
    place: Place,
    ticket: TicketId,
    license: LicenseId,
    serial: Option<ContainerSerial>,
}

/// What is visible of a container: counter, quantity and units of its only product item.
type Seen = (u64, Option<(u32, Option<u64>)>);

fn seen(container: &mut dyn Container) -> Seen {
    let firms = container.firms().unwrap();
    let Some(firm) = firms.first() else { return (0, None) };
    (firm.counter, firm.products.first().map(|product| (product.quantity, product.units)))
}

impl Story {
    fn begin(kind: ContainerKind) -> Self {
        let mut server = Server::new(11);
        // The server of these stories accepts the emulator's maker.
        server.makers = vec![licensing_core::trust::emulator_maker().public_key()];
        let terms = LicenseTerms { unit_counter: Some(50), ..LicenseTerms::default() };
        let (ticket, license) = server.order(terms, ItemPolicy::default(), 4);
        Self { server, place: Place::new(kind), ticket, license, serial: None }
    }

    fn create(&mut self) -> Result<(), ContainerError> {
        let template = template(&mut self.server, Tolerance::Medium);
        let container = self.place.create(&template, 21)?;
        self.serial = Some(container.serial());
        Ok(())
    }

    fn open(&self) -> Box<dyn Container> {
        self.place.open(self.serial.unwrap(), 31).unwrap_or_else(|error| panic!("must always open: {error}"))
    }

    fn context(&mut self, container: &mut dyn Container) -> Result<Vec<u8>, ContainerError> {
        container.create_context(firm(), NOW, &mut TestEntropy::new(41))
    }

    /// One whole transfer; with the power on it always succeeds.
    fn activate(&mut self) -> Result<(), ContainerError> {
        let mut container = self.open();
        let context = self.context(container.as_mut())?;
        let update = self.server.activate(&context, self.ticket, &[(self.license, Some(2))]).unwrap();
        container.import_update(&update, &mut TestEntropy::new(51))?;
        Ok(())
    }

    fn give_back(&mut self) -> Result<(), ContainerError> {
        let mut container = self.open();
        let context = self.context(container.as_mut())?;
        let update = self.server.give_back(&context, self.ticket, &[(self.license, Some(1))]).unwrap();
        container.import_update(&update, &mut TestEntropy::new(52))?;
        Ok(())
    }

    fn consume(&mut self) -> Result<(), ContainerError> {
        let request = AccessRequest { units: 7, ..AccessRequest::product(product()) };
        self.open().consume(firm(), &request, NOW, &mut TestEntropy::new(53))?;
        Ok(())
    }
}

type Act = fn(&mut Story) -> Result<(), ContainerError>;

/// Cuts the power at every operation of the last of `acts`, with several survivals of unsynced writes each.
fn cut_everywhere(kind: ContainerKind, acts: &[Act]) -> u64 {
    let (last, before) = acts.split_last().unwrap();
    let prepare = || {
        let mut story = Story::begin(kind);
        for act in before {
            act(&mut story).unwrap();
        }
        story
    };
    let mut story = prepare();
    let old = seen(story.open().as_mut());
    let start = story.place.files.operations();
    last(&mut story).unwrap();
    let operations = story.place.files.operations() - start;
    let new = seen(story.open().as_mut());
    assert!(operations > 0 && old != new, "{kind}: the act changes something");
    let mut cuts = 0;
    for cut in 0..operations {
        for survival in 0..SURVIVALS {
            let mut story = prepare();
            story.place.files.cut_after(cut);
            let outcome = last(&mut story);
            story.place.reboot(&mut TestEntropy::new(cut * 1_000 + survival));
            let now = seen(story.open().as_mut());
            assert!(now == old || now == new, "{kind} cut at {cut}: {now:?} is neither {old:?} nor {new:?}");
            if outcome.is_ok() {
                assert_eq!(now, new, "{kind} cut at {cut}: acknowledged and then lost");
            }
            // And it goes on working: the same transfer can be finished by the user alone.
            let mut container = story.open();
            let context = story.context(container.as_mut()).unwrap();
            let update = story.server.catch_up(&context).unwrap();
            container.import_update(&update, &mut TestEntropy::new(61)).unwrap();
            let receipt = story.context(container.as_mut()).unwrap();
            story.server.receipt(&receipt).unwrap();
            story.server.check_books();
            cuts += 1;
        }
    }
    cuts
}

#[test]
fn a_transfer_is_applied_whole_or_not_at_all() {
    for kind in KINDS {
        let cuts = cut_everywhere(kind, &[Story::create, Story::activate]);
        println!("{kind}: {cuts} power cuts while activating");
    }
}

#[test]
fn a_return_is_applied_whole_or_not_at_all() {
    for kind in KINDS {
        let cuts = cut_everywhere(kind, &[Story::create, Story::activate, Story::give_back]);
        println!("{kind}: {cuts} power cuts while returning");
    }
}

#[test]
fn units_are_taken_whole_or_not_at_all() {
    for kind in KINDS {
        let cuts = cut_everywhere(kind, &[Story::create, Story::activate, Story::consume]);
        println!("{kind}: {cuts} power cuts while consuming");
    }
}

#[test]
fn a_container_is_made_whole_or_not_at_all() {
    for kind in KINDS {
        let mut story = Story::begin(kind);
        story.create().unwrap();
        let operations = story.place.files.operations();
        let serial = story.serial.unwrap();
        for cut in 0..operations {
            for survival in 0..SURVIVALS {
                let mut story = Story::begin(kind);
                story.place.files.cut_after(cut);
                let outcome = story.create();
                story.place.reboot(&mut TestEntropy::new(cut * 1_000 + survival));
                match story.place.open(serial, 31) {
                    Ok(mut container) => assert_eq!(seen(container.as_mut()), (0, None)),
                    Err(ContainerError::NotFound) => assert!(outcome.is_err(), "acknowledged and then lost"),
                    Err(other) => panic!("{kind} cut at {cut}: neither there nor absent: {other}"),
                }
            }
        }
    }
}

/// The power fails in one change, and again in the next: what the first left behind must not get in the way.
#[test]
fn the_power_may_fail_again_and_again() {
    for kind in KINDS {
        for seed in 0..400 {
            let mut story = Story::begin(kind);
            story.create().unwrap();
            let mut chance = TestEntropy::new(seed);
            for _ in 0..3 {
                let mut container = story.open();
                story.place.files.cut_after(u64::from(licensing_core::random::<1>(&mut chance)[0] % 12));
                let _ = story.context(container.as_mut());
                drop(container);
                story.place.reboot(&mut chance);
            }
            story.open();
        }
    }
}

/// A plain use changes nothing but the clock, and costs no write; the clock in storage never lags by a minute.
#[test]
fn a_plain_use_is_not_written_and_the_clock_hardly_goes_back() {
    for kind in KINDS {
        let mut story = Story::begin(kind);
        story.create().unwrap();
        story.activate().unwrap();
        let request = AccessRequest::product(product());
        let mut container = story.open();
        let mut used_at = |secs: u64| {
            let before = story.place.files.operations();
            container.consume(firm(), &request, NOW.plus_secs(secs), &mut TestEntropy::new(53)).unwrap();
            story.place.files.operations() - before
        };
        assert_eq!([0, 1, CLOCK_LAG_MAX - 1].map(&mut used_at), [0; 3], "{kind}");
        assert!(used_at(CLOCK_LAG_MAX) > 0, "{kind}: a minute has passed");
        assert_eq!(used_at(2 * CLOCK_LAG_MAX - 1), 0, "{kind}");
        drop(container);
        story.place.reboot(&mut TestEntropy::new(1));
        let mut container = story.open();
        let judged = |container: &mut dyn Container| {
            container.prove(firm(), &request, &[7; 32], NOW).unwrap().judged_at
        };
        assert_eq!(
            judged(container.as_mut()),
            NOW.plus_secs(CLOCK_LAG_MAX),
            "{kind}: the computer's clock was set back"
        );
        // What is written for another reason takes the clock along.
        container
            .consume(firm(), &request, NOW.plus_secs(CLOCK_LAG_MAX + 9), &mut TestEntropy::new(54))
            .unwrap();
        let units = AccessRequest { units: 1, ..request };
        container.consume(firm(), &units, NOW, &mut TestEntropy::new(55)).unwrap();
        drop(container);
        story.place.reboot(&mut TestEntropy::new(2));
        assert_eq!(judged(story.open().as_mut()), NOW.plus_secs(CLOCK_LAG_MAX + 9), "{kind}");
    }
}
