//! `init`: keys, settings, database, and the first API token.

use anyhow::Context as _;
use futures_executor::block_on;
use licensing_core::ids::{FirmCode, Name};
use licensing_core::token::{ApiToken, Role};

use crate::config::Config;
use crate::data_dir::{DataDir, write_new};
use crate::database::{Database, Place};
use crate::service::{actor, tokens};
use crate::system::{Clock as _, SystemClock, SystemEntropy};
use crate::vault::{new_token, token_hash};

/// Name of the first API token.
const FIRST_TOKEN: &str = "admin";

/// Makes a new server: keys and settings in the data folder, an empty database, and a token with the admin role.
///
/// # Errors
/// There is one at this place already, or it cannot be written.
pub fn run(data: &DataDir, place: Place, firm_code: FirmCode, firm_name: &str) -> anyhow::Result<()> {
    let name = Name::new(firm_name).context("the name of the vendor")?;
    let (now, mut entropy) = (SystemClock.now(), SystemEntropy::default());
    data.begin(firm_code, name, Config::default().issuing.certificate_days, now, &mut entropy)?;
    let database = Database::new(place)?;
    let store = database.create().with_context(|| format!("cannot make {}", database.place()))?;
    let secret = new_token(&mut entropy);
    let token = ApiToken {
        hash: token_hash(&secret),
        name: FIRST_TOKEN.to_owned(),
        roles: vec![Role::Admin],
        scopes: None,
        certificate: None,
        created_at: now,
        expires_at: None,
        revoked_at: None,
        version: 0,
    };
    block_on(store.commit(tokens::creation(token, &actor("init", None), now)))?;
    drop(store);
    write_new(&data.admin_token(), format!("{}\n", secret.as_str()).as_bytes(), true)?;
    // Last: from here on the folder counts as initialised.
    data.finish()
}
