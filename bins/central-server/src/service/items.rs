//! Items: the minimal master data.

use licensing_core::crypto::sign::SigningKey;
use licensing_core::event::Actor;
use licensing_core::ids::ItemId;
use licensing_core::item::{Created, Item};
use licensing_core::product::ProofSeed;
use licensing_core::refusal::Refusal;
use licensing_wire::binary::to_hex;
use licensing_wire::json::{ItemAnswer, ItemRequest};
use licensing_wire::{options, time};

use crate::service::attempt::Decided;
use crate::service::{Answer, Failure, Idempotency, Service};

impl Service {
    /// Creates an item; the very same item again is answered with what is there.
    ///
    /// # Errors
    /// An option is out of its range, the id is taken, or the firm code is not served.
    pub async fn create_item(
        &self,
        actor: &Actor,
        idempotency: Option<Idempotency>,
        request: &ItemRequest,
    ) -> Result<Answer, Failure> {
        let definition = options::item_definition(request)?;
        self.firm(definition.firm_code)?;
        let about = definition.id.as_str().as_bytes();
        let decide = || async {
            let existing = self.store.items(vec![definition.id.clone()]).await?.pop();
            let (status, item, changes) = match definition.clone().create(existing, actor, self.now())? {
                Created::New(item, changes) => (201, item, changes),
                Created::Exists(item) => (200, item, Default::default()),
            };
            Ok(Decided { changes, answer: Answer::json(status, &self.item_answer(&item)?) })
        };
        self.attempt(idempotency, about, decide).await
    }

    /// An item.
    ///
    /// # Errors
    /// There is none of this id.
    pub async fn item(&self, id: ItemId) -> Result<Answer, Failure> {
        let item = self.store.items(vec![id.clone()]).await?.pop().ok_or(Refusal::ItemUnknown(id))?;
        Answer::json(200, &self.item_answer(&item)?)
    }

    pub(super) fn item_answer(&self, item: &Item) -> Result<ItemAnswer, Failure> {
        let definition = &item.definition;
        let keys = self.firm(definition.firm_code)?;
        let (firm, product) = (definition.firm_code, definition.product_code);
        let public = |seed: ProofSeed| to_hex(SigningKey::from_seed(seed.0).public_key().bytes());
        Ok(ItemAnswer {
            item: options::item_request(definition),
            created_at: time::print(item.created_at),
            proof_public_key: public(keys.proofs.seed(firm, product)),
            unbound_proof_public_key: public(keys.proofs.unbound_seed(firm, product)),
        })
    }
}
