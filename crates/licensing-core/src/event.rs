//! Events: who did what, when, and with what outcome. One is committed with every change and every refusal.

use crate::crypto::digest::Digest;
use crate::ids::{ContainerSerial, FirmCode, LicenseId, TicketId};
use crate::time::Timestamp;
use crate::user::USER_PREFIX;

/// Who acts, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `user:` and the name of a user, or the name of an API token, or `ticket holder`, or `container`.
    pub name: String,
    /// Network address, when there is one.
    pub origin: Option<String>,
}

impl Actor {
    /// Whether it is a user who has signed in: nobody but users has such a name.
    #[must_use]
    pub fn is_person(&self) -> bool {
        self.name.starts_with(USER_PREFIX)
    }

    /// Whether it is a user, and not the one, or the API token, of this name.
    #[must_use]
    pub fn is_another_person_than(&self, name: &str) -> bool {
        self.is_person() && self.name != name
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action { $($(#[$doc])* $variant),+ }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable word for the action.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The action of a word.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.name() == name)
            }
        }
    };
}

actions! {
    /// An item was created.
    ItemCreated = "item_created",
    /// An order was created.
    OrderCreated = "order_created",
    /// The ticket of an order was sent by mail; the outcome says when that did not work, or when nobody knows.
    TicketMailed = "ticket_mailed",
    /// A license line was created.
    LicenseCreated = "license_created",
    /// A container was seen for the first time.
    ContainerRegistered = "container_registered",
    /// An activation was issued.
    ActivationIssued = "activation_issued",
    /// A context proved an activation.
    ActivationConfirmed = "activation_confirmed",
    /// A return was issued.
    ReturnIssued = "return_issued",
    /// A context proved a return.
    ReturnConfirmed = "return_confirmed",
    /// A context proved that an activation never took place and never can.
    ActivationVoid = "activation_void",
    /// A context proved that a return never took place and never can.
    ReturnVoid = "return_void",
    /// An unfinished transfer was cancelled by a competing step.
    TransferCancelled = "transfer_cancelled",
    /// A license was activated again without a return; what is told is where it was.
    LicenseReactivated = "license_reactivated",
    /// A license was restored into a new container; what is told is where it was.
    LicenseRestored = "license_restored",
    /// The vendor wants a license back.
    WithdrawalRequested = "withdrawal_requested",
    /// The vendor no longer wants it back.
    WithdrawalCancelled = "withdrawal_cancelled",
    /// A step that takes it out of a container was issued.
    WithdrawalIssued = "withdrawal_issued",
    /// The vendor has it back: at once when it was inactive, else proven by a context.
    WithdrawalConfirmed = "withdrawal_confirmed",
    /// The vendor put another license in its place.
    LicenseReplaced = "license_replaced",
    /// A user asked for something the vendor decides.
    ApprovalRequested = "approval_requested",
    /// The vendor said yes.
    ApprovalGranted = "approval_granted",
    /// Somebody of the vendor said yes, and a second person still has to.
    ApprovalHalfGranted = "approval_half_granted",
    /// The vendor said no.
    ApprovalDenied = "approval_denied",
    /// A grant was used.
    ApprovalUsed = "approval_used",
    /// A container was put on the blacklist.
    ContainerBlacklisted = "container_blacklisted",
    /// A step that locks a blacklisted container was issued.
    LockIssued = "lock_issued",
    /// The vendor serves a container again after manipulation was detected.
    ContainerCleared = "container_cleared",
    /// A container's state was taken over from its context.
    ContainerReconciled = "container_reconciled",
    /// A container holds a license nobody knows, or more of one than there is.
    UnknownLicenseFound = "unknown_license_found",
    /// A step that takes out what a container should not hold was issued.
    SweepIssued = "sweep_issued",
    /// A pre-activated license was issued.
    PreActivationIssued = "preactivation_issued",
    /// A container turned a pre-activated license into a bound one.
    PreActivationConverted = "preactivation_converted",
    /// The database was restored; containers tell what is missing.
    ReconciliationStarted = "reconciliation_started",
    /// What is missing has been made up for.
    ReconciliationFinished = "reconciliation_finished",
    /// A container was in a state it cannot honestly be in.
    ManipulationDetected = "manipulation_detected",
    /// A request was refused.
    Refused = "refused",
    /// An API token was created.
    TokenCreated = "token_created",
    /// An API token was revoked.
    TokenRevoked = "token_revoked",
    /// An order waits for a second person, because of its quantity.
    OrderHeld = "order_held",
    /// A second person has released an order.
    OrderReleased = "order_released",
    /// Somebody has denied an order that waited.
    OrderDenied = "order_denied",
    /// A user was created.
    UserCreated = "user_created",
    /// The roles of a user were changed.
    UserRolesChanged = "user_roles_changed",
    /// A user was disabled; his sessions have ended.
    UserDisabled = "user_disabled",
    /// A user was enabled again.
    UserEnabled = "user_enabled",
    /// A user has set a new password; his other sessions have ended.
    PasswordChanged = "password_changed",
    /// Somebody else has set a one-time password for a user; the user's sessions have ended.
    PasswordReset = "password_reset",
    /// A user has a second factor now.
    SecondFactorAdded = "second_factor_added",
    /// A user has no second factor any more.
    SecondFactorRemoved = "second_factor_removed",
    /// A recovery code was used in the place of a second factor.
    RecoveryCodeUsed = "recovery_code_used",
    /// A user has signed in.
    SignedIn = "signed_in",
    /// A user has signed out.
    SignedOut = "signed_out",
    /// Sessions of a user were ended.
    SessionsEnded = "sessions_ended",
    /// Signing in was refused; the outcome says why.
    SignInRefused = "sign_in_refused",
    /// Four fifths of the activations the edition has for this month are used.
    ActivationLimitNear = "activation_limit_near",
    /// A receiver of events was made.
    WebhookCreated = "webhook_created",
    /// A receiver of events was changed: its address, what it is told, its secrets, or from where.
    WebhookChanged = "webhook_changed",
    /// A receiver of events is told nothing any more.
    WebhookDisabled = "webhook_disabled",
    /// A receiver of events was removed.
    WebhookRemoved = "webhook_removed",
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub action: Action,
    /// `done`, or the code of the refusal.
    pub outcome: String,
    /// When.
    pub at: Timestamp,
    /// Who, and from where.
    pub actor: Actor,
    /// The ticket concerned.
    pub ticket: Option<TicketId>,
    /// The license concerned.
    pub license: Option<LicenseId>,
    /// The container concerned.
    pub container: Option<ContainerSerial>,
    /// The firm code concerned.
    pub firm_code: Option<FirmCode>,
    /// How many licenses.
    pub quantity: Option<u32>,
    /// Hash of the context that proves it.
    pub proof: Option<Digest>,
    /// Anything else worth reading; never a secret.
    pub detail: String,
}

impl Event {
    /// An event that succeeded, about nothing yet.
    #[must_use]
    pub fn new(action: Action, actor: &Actor, at: Timestamp) -> Self {
        Self {
            action,
            outcome: "done".to_owned(),
            at,
            actor: actor.clone(),
            ticket: None,
            license: None,
            container: None,
            firm_code: None,
            quantity: None,
            proof: None,
            detail: String::new(),
        }
    }

    /// A refusal.
    #[must_use]
    pub fn refused(refusal: &crate::refusal::Refusal, actor: &Actor, at: Timestamp) -> Self {
        Self {
            outcome: refusal.code().to_owned(),
            detail: refusal.to_string(),
            license: refusal.license(),
            ..Self::new(Action::Refused, actor, at)
        }
    }

    /// About this ticket.
    #[must_use]
    pub fn ticket(mut self, ticket: TicketId) -> Self {
        self.ticket = Some(ticket);
        self
    }

    /// About this license.
    #[must_use]
    pub fn license(mut self, license: LicenseId) -> Self {
        self.license = Some(license);
        self
    }

    /// About this container and firm code.
    #[must_use]
    pub fn container(mut self, serial: ContainerSerial, firm_code: FirmCode) -> Self {
        self.container = Some(serial);
        self.firm_code = Some(firm_code);
        self
    }

    /// About this many licenses.
    #[must_use]
    pub fn quantity(mut self, quantity: u32) -> Self {
        self.quantity = Some(quantity);
        self
    }

    /// Proven by this context.
    #[must_use]
    pub fn proof(mut self, proof: Digest) -> Self {
        self.proof = Some(proof);
        self
    }
}
