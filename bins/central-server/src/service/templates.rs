//! Templates: what a new act license starts from.

use licensing_core::format::template::TemplateBody;
use licensing_core::ids::FirmCode;
use licensing_wire::binary::to_base64;
use licensing_wire::json::TemplateAnswer;

use crate::service::{Answer, Failure, Service, blocking};

impl Service {
    /// The template of a vendor, signed now.
    ///
    /// # Errors
    /// The firm code is not served here.
    pub async fn template(&self, firm_code: FirmCode) -> Result<Answer, Failure> {
        let keys = self.firm(firm_code)?;
        let body = TemplateBody {
            firm_code,
            tolerance: self.rules.tolerance,
            trait_salt: keys.trait_salt,
            certified_time: self.now(),
        };
        let file = blocking(move || body.sign(keys.issuer.certificates.clone(), &keys.issuer.key)).await?;
        Answer::json(200, &TemplateAnswer { firm_code: firm_code.get(), template: to_base64(&file) })
    }
}
